"""How long a batch takes, and how much memory: against moving the same bytes and nothing else.

The floor copies the same ciphertexts out of the same S3 on 8 threads and writes the same number
of bytes into it as one multipart upload. Both alternate in one run, each in a process of its
own; medians count. Prints ``name value floor ratio``: seconds, then MB of the worker's peak.

    bench/batch.py [--documents 2000] [--bytes 300000] [--rounds 3] [--many 0] [--profile]

``--many 20000`` also measures memory over so many documents (in batches of the usual size).
Environment: BENCH_BATCH_DOCUMENTS, BENCH_BATCH_ROUNDS.
"""

from __future__ import annotations

import argparse
import base64
import cProfile
import gc
import hashlib
import json
import os
import pstats
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "site")]

from deploy.local import credentials  # noqa: E402
from deploy.local.machine import Machine  # noqa: E402

MIB = 1024 * 1024
PART = 16 * MIB
THREADS = 8
# Documents of one person where many are needed: filling takes longer than the batch.
EACH = 4


def options() -> argparse.Namespace:
    """Return what the command line and the environment ask for."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    documents = int(os.environ.get("BENCH_BATCH_DOCUMENTS", "2000"))
    rounds = int(os.environ.get("BENCH_BATCH_ROUNDS", "3"))
    found.add_argument("--documents", type=int, default=documents)
    found.add_argument("--bytes", type=int, default=300_000)
    found.add_argument("--rounds", type=int, default=rounds)
    found.add_argument("--many", type=int, default=0)
    found.add_argument("--profile", action="store_true")
    found.add_argument("--role", choices=("main", "build", "floor"), default="main")
    found.add_argument("--event", type=uuid.UUID)
    found.add_argument("--plan", type=Path)
    return found.parse_args()


# --- what is measured, each in a process of its own --------------------------------------------


def build(asked: argparse.Namespace) -> dict[str, float]:
    """Build the event's batches as the worker does; return seconds and peak memory."""
    from uploads_worker.context import Context
    from uploads_worker.releases import build_release
    from uploads_worker.settings import WorkerSettings

    context = Context.open(WorkerSettings.from_env())
    warm(context)
    profile = cProfile.Profile() if asked.profile else None
    began = time.monotonic()
    if profile is not None:
        profile.enable()
    build_release(context, asked.event, "demand")
    if profile is not None:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(25)
    seconds = time.monotonic() - began
    context.close()
    return {"seconds": seconds, "peak": peak_mb()}


def floor(asked: argparse.Namespace) -> dict[str, float]:
    """Move the same bytes out of the store and into it."""
    from uploads_worker.context import Context
    from uploads_worker.settings import WorkerSettings

    plan = json.loads(asked.plan.read_text())
    context = Context.open(WorkerSettings.from_env())
    warm(context)
    client = context.objects.client
    sealed, releases = context.objects.sealed_bucket, context.objects.releases_bucket

    def fetch(key: str) -> int:
        return len(client.get_object(Bucket=sealed, Key=key)["Body"].read())

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        total = sum(pool.map(fetch, plan["keys"]))
    key = f"floor/{uuid.uuid4().hex}"
    upload = client.create_multipart_upload(Bucket=releases, Key=key)["UploadId"]
    part = os.urandom(PART)
    place = {"Bucket": releases, "Key": key, "UploadId": upload}

    def put(number: int) -> dict[str, Any]:
        body = part[: min(PART, total - (number - 1) * PART)]
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        answer = client.upload_part(**place, PartNumber=number, Body=body, ContentMD5=digest)
        return {"ETag": answer["ETag"], "PartNumber": number}

    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(put, range(1, -(-total // PART) + 1)))
    client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    seconds = time.monotonic() - began
    context.objects.destroy_release(key)
    context.close()
    return {"seconds": seconds, "peak": peak_mb()}


def warm(context: Any) -> None:
    """Pay for imports and connections before the clock runs: a worker has them already."""
    context.objects.check()
    with context.sessions() as session:
        session.connection()
    forget_peak()


def forget_peak() -> None:
    """Count the peak from here: opening the keyring costs 256 MiB for a moment, by design."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return this process's peak of resident memory since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


# --- the site around it ------------------------------------------------------------------------


class Bench:
    """A machine with documents in it, and the processes that are measured."""

    def __init__(self, machine: Machine, asked: argparse.Namespace) -> None:
        from sqlalchemy import create_engine

        from heyan import db
        from heyan.custody.objects import ObjectStore
        from heyan.settings import Settings
        from tests.releases import Batches
        from uploads_worker.context import Context
        from uploads_worker.settings import WorkerSettings

        self.machine, self.asked = machine, asked
        settings = Settings.from_env(machine.variables.web())
        self.context = Context.open(WorkerSettings.from_env(machine.variables.worker()))
        self.web = db.make_engine(settings.database_url)
        self.owner = create_engine(machine.postgres.url("owner").replace("://", "+psycopg://", 1))
        self.batches = Batches(self.context, self.web, self.owner, ObjectStore.for_web(settings))
        noise = random.Random(1)
        self.noise = noise.randbytes(4 * MIB)

    def picture(self, number: int) -> bytes:
        """Return bytes that no two documents share and nothing can shrink."""
        size = self.asked.bytes
        start = (number * 4099) % (len(self.noise) - size)
        return b"\xff\xd8" + number.to_bytes(8, "big") + self.noise[start : start + size - 10]

    def fill(self, organizer: Any, count: int, each: int = 1) -> list[str]:
        """Enrol people with *each* documents, *count* in all; return the objects' keys."""
        self.batches.many(organizer, count, self.picture, each=each)
        query = "SELECT object_key FROM documents WHERE event_id = :e AND state = 'sealed'"
        return [key for (key,) in self.batches.rows(query, e=organizer.event_id)]

    def again(self, organizer: Any) -> None:
        """Let the same documents wait once more."""
        event = {"e": organizer.event_id}
        for release in self.batches.releases(organizer):
            if release.object_key:
                self.context.objects.destroy_release(release.object_key)
        self.batches.change(
            "DELETE FROM release_items WHERE release_id IN"
            " (SELECT id FROM releases WHERE event_id = :e)",
            **event,
        )
        self.batches.change("DELETE FROM releases WHERE event_id = :e", **event)
        self.batches.change("UPDATE documents SET state = 'sealed' WHERE event_id = :e", **event)

    def measure(self, role: str, *more: str) -> dict[str, float]:
        """Run one side in a process of its own."""
        command = [sys.executable, __file__, "--role", role, *more]
        if self.asked.profile and role == "build":
            command.append("--profile")
        environment = self.machine.variables.process(self.machine.variables.worker())
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found

    def time(self) -> float:
        """Compare a batch with its floor; print both figures; return the peak of memory."""
        organizer = self.batches.organizer()
        plan = self.machine.home / "plan.json"
        plan.write_text(json.dumps({"keys": self.fill(organizer, self.asked.documents)}))
        floors, builds, peaks = [], [], []
        for _round in range(self.asked.rounds):
            floors.append(self.measure("floor", "--plan", str(plan))["seconds"])
            built = self.measure("build", "--event", str(organizer.event_id))
            builds.append(built["seconds"])
            peaks.append(built["peak"])
            held = sum(one.documents_count for one in self.batches.releases(organizer))
            if held != self.asked.documents:
                raise SystemExit(f"the batch holds {held} documents")
            self.again(organizer)
        low, value = statistics.median(floors), statistics.median(builds)
        print(f"batch.seconds {value:.2f} {low:.2f} {value / low:.2f}")
        peak = max(peaks)
        print(f"batch.peak_mb {peak:.0f} 250 {peak / 250:.2f}")
        return peak

    def memory(self, few: float) -> None:
        """Measure memory over many documents, against that over few."""
        organizer = self.batches.organizer()
        self.fill(organizer, self.asked.many, each=EACH)
        peak = self.measure("build", "--event", str(organizer.event_id))["peak"]
        print(f"batch.peak_mb_many {peak:.0f} {few:.0f} {peak / few:.2f}")


def main() -> None:
    """Measure, or be one of the measured processes."""
    asked = options()
    if asked.role != "main":
        print(json.dumps(build(asked) if asked.role == "build" else floor(asked)))
        return
    home = Path(tempfile.mkdtemp(prefix="heyan-bench-batch-"))
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    try:
        machine.start_engines()
        machine.prepare()
        bench = Bench(machine, asked)
        few = bench.time()
        if asked.many:
            bench.memory(few)
    finally:
        machine.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
