"""How many audit entries a second are verified: in the database, and in an export by the tool.

The floor hashes as many chained lines of the same length and does nothing else. Prints ``name
value floor ratio`` in entries a second (here more is better). Environment: BENCH_ENTRIES (50000).
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _site
import _staff

from tests.enrolment import World
from uploads_worker import audit_chain
from uploads_worker.context import Context
from uploads_worker.keyring import Keyring
from uploads_worker.settings import WorkerSettings

ENTRIES = int(os.environ.get("BENCH_ENTRIES", "50000"))
TOOL = _site.ROOT / "static/tools/heyan_verify.py"


def floor(line: bytes) -> float:
    began, digest = time.perf_counter(), bytes(32)
    for _entry in range(ENTRIES):
        digest = hashlib.sha256(digest + line).digest()
    return ENTRIES / (time.perf_counter() - began)


def measure(world: World, context: Context, folder: Path) -> None:
    _staff.grow(world, _staff.AUDIT, "audit_entries", 1, ENTRIES)
    audit_chain.link_and_seal(context, whole=True)
    began = time.perf_counter()
    count, fault = audit_chain.verify(context)
    stored = count / (time.perf_counter() - began)
    if fault is not None or count < ENTRIES:
        raise SystemExit(f"the trail does not hold: {count} {fault}")
    export = folder / "audit.jsonl"
    count = audit_chain.export(context, export)
    lowest = floor(export.read_bytes().splitlines()[1])
    root = base64.b64encode(context.keyring.root_public_key).decode()
    began = time.perf_counter()
    command = [sys.executable, str(TOOL), "--root", root, "audit", str(export)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    exported = count / (time.perf_counter() - began)
    _site.line("verify.database_per_s", stored, lowest)
    _site.line("verify.export_per_s", exported, lowest)


if __name__ == "__main__":
    with _staff.site() as (found, machine), tempfile.TemporaryDirectory() as there:
        variables = machine.variables
        secret = Path(variables.worker()["KEYRING_PASSPHRASE_FILE"]).read_text().strip()
        Keyring.create(variables.keyring, secret)
        held = Context.open(WorkerSettings.from_env(variables.worker()))
        measure(found, held, Path(there))
        held.close()
