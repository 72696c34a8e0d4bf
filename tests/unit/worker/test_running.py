"""The worker as a process: its commands, its loop, its failures, its silence."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deploy.local.machine import Machine
from deploy.local.processes import wait_until
from deploy.local.variables import ROOT
from heyan import db
from heyan.jobs import Job, defer
from tests.enrolment import World
from tests.worker import audit_of, command, run_once, submit
from uploads_worker import cli, jobs
from uploads_worker.context import Context


@pytest.fixture
def worker(stack: Machine, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The worker's own process, its output in a file."""
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "uploads_worker", "run"],
            env=stack.variables.process(stack.variables.worker()),
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        yield process
        process.kill()
        process.wait()


def put(world: World, name: str, *, lock: str | None = None, **arguments: Any) -> int:
    """Put a job into the queue by its name; return its id."""
    with world.owner.begin() as connection:
        return int(
            connection.execute(
                text(
                    "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args)"
                    " VALUES ('heyan', :name, :lock, CAST(:args AS jsonb)) RETURNING id"
                ),
                {"name": name, "lock": lock, "args": json.dumps(arguments)},
            ).scalar_one()
        )


def status(world: World, job_id: int) -> str | None:
    rows = world.rows("SELECT status FROM procrastinate_jobs WHERE id = :j", j=job_id)
    return str(rows[0][0]) if rows else None


# --- commands --------------------------------------------------------------------------------


def test_init_makes_a_strong_keyring_once(stack: Machine, tmp_path: Path) -> None:
    """C-23: full cost by default; a second init changes nothing."""
    variables = {"KEYRING": str(tmp_path / "keys" / "keyring")}
    first = command(stack, "init", **variables)
    assert first.returncode == 0, first.stderr
    kept = (tmp_path / "keys" / "keyring").read_bytes()
    assert b'"memory_kib": 262144' in kept
    again = command(stack, "init", **variables)
    assert again.stdout.split()[-1] == first.stdout.split()[-1]
    assert (tmp_path / "keys" / "keyring").read_bytes() == kept


def test_the_worker_refuses_what_is_not_safe(stack: Machine, tmp_path: Path) -> None:
    """C-23: looser mode, missing passphrase, a passphrase that others can read."""
    assert "no passphrase" in _refused(stack, KEYRING_PASSPHRASE_FILE="")
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("hello")
    passphrase.chmod(0o644)
    assert "mode 0600" in _refused(stack, KEYRING_PASSPHRASE_FILE=str(passphrase))
    passphrase.chmod(0o600)
    assert "wrong" in _refused(stack, KEYRING_PASSPHRASE_FILE=str(passphrase))
    loose = tmp_path / "keyring"
    loose.write_bytes(stack.variables.keyring.read_bytes())
    loose.chmod(0o640)
    assert "mode 0600" in _refused(stack, KEYRING=str(loose))


def _refused(stack: Machine, **variables: str) -> str:
    done = command(stack, "run", "--once", **variables)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "words",
    [[], ["keyring"], ["vault"], ["audit"], ["root"], ["pin"], ["run"], ["sweep"], ["receipts"]],
)
def test_every_command_explains_itself(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


def test_the_commands_of_the_audit_and_the_keyring_answer(stack: Machine, tmp_path: Path) -> None:
    assert "holds" in command(stack, "audit", "verify").stdout
    assert command(stack, "audit", "anchor").returncode == 0
    assert command(stack, "audit", "export", str(tmp_path / "x")).returncode == 0
    assert "swept" in command(stack, "sweep", "now").stdout
    assert "fingerprint" in command(stack, "root", "show").stdout
    assert command(stack, "receipts", "sign").returncode == 0
    assert command(stack, "pins").returncode == 0
    assert "KEYRING_RECOVERY" in command(stack, "keyring", "backup", str(tmp_path)).stderr


# --- the loop --------------------------------------------------------------------------------


def test_jobs_run_soon_and_the_worker_stops_gently(
    world: World, context: Context, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """The audit is sealed within a minute of the act; SIGTERM ends it; no port is open (C-77)."""
    event = world.event(with_key=False)
    with world.session() as session, db.transaction(session):
        defer(session, Job.PROVISION_VAULT_KEY, lock=f"vault:{event.id}", event_id=event.id)
    key = "SELECT 1 FROM vault_keys WHERE event_id = :e"
    log = tmp_path / "worker.log"
    assert wait_until(lambda: bool(world.rows(key, e=event.id)), 30), log.read_text()
    unlinked = (
        "SELECT count(*) FROM audit_entries AS entry LEFT JOIN audit_chain AS link"
        " ON link.entry_id = entry.id WHERE link.seq IS NULL AND entry.subject_id = :e"
    )
    assert wait_until(lambda: world.rows(unlinked, e=str(event.id))[0][0] == 0, 60)
    assert _listening(worker.pid) == []
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(25) == 0
    said = log.read_text()
    assert "worker.stop" in said
    assert "Traceback" not in said


def _listening(pid: int) -> list[str]:
    """Return the sockets on which a process listens."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                found.append(parts[1])
    return found


def test_a_killed_worker_leaves_its_job_to_the_next(
    world: World, context: Context, stack: Machine
) -> None:
    """C-76: a job of a worker that is gone is taken up again."""
    event = world.event(with_key=False)
    job = put(world, "provision_vault_key", event_id=str(event.id))
    with world.owner.begin() as connection:
        gone = connection.execute(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '1 minute') RETURNING id"
            )
        ).scalar_one()
        connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :w WHERE id = :j"),
            {"w": gone, "j": job},
        )
    run_once(context)
    assert status(world, job) is None
    assert world.rows("SELECT 1 FROM vault_keys WHERE event_id = :e", e=event.id)


def test_a_poison_job_is_parked_and_the_rest_goes_on(world: World, context: Context) -> None:
    """C-76: parked after five tries."""
    poison = put(world, "build_release", event_id="not an id", trigger="demand")
    event = world.event(with_key=False)
    for _ in range(jobs.TRIES):
        run_once(context)
        with world.owner.begin() as connection:
            connection.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert status(world, poison) == "failed"
    assert len(audit_of(world, "jobs.park", poison)) == 1
    good = put(world, "provision_vault_key", event_id=str(event.id))
    run_once(context)
    assert status(world, good) is None
    assert world.rows("SELECT 1 FROM vault_keys WHERE event_id = :e", e=event.id)


def test_a_job_of_a_newer_web_waits_for_the_worker_that_knows_it(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 50: web and worker of different versions; tried ever more slowly, never given up."""
    job = put(world, "job_of_next_year", thing_id="1")
    for _ in range(jobs.TRIES + 2):
        run_once(context)
        assert status(world, job) == "todo"
        with world.owner.begin() as connection:
            connection.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert audit_of(world, "jobs.park", job) == []
    done: list[str] = []

    def body(_context: Context, thing_id: str = "") -> None:
        done.append(thing_id)

    newer = jobs.Periodic("job_of_next_year", body, "0 0 1 1 *", once=False)
    monkeypatch.setattr(jobs, "PERIODIC", (*jobs.PERIODIC, newer))
    run_once(context)
    assert (status(world, job), done) == (None, ["1"])


def test_waiting_for_an_engine_parks_nothing() -> None:
    """SECURITY 50: an engine that is away is waited for, not counted as the job's fault."""
    from heyan.custody.objects import ObjectStoreUnavailable

    assert not jobs.parked(ObjectStoreUnavailable("503"), 20)
    assert jobs.parked(ValueError(), 4)
    assert not jobs.parked(ValueError(), 3)


def test_a_failed_job_gives_way_to_the_same_one_that_waits(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of a kind never block each other: going back would collide with the one that waits."""
    entered = threading.Event()

    def fails(_context: Context) -> None:
        if not entered.is_set():
            with world.session() as session, db.transaction(session):
                defer(session, Job.SIGN_RECEIPTS, lock="receipts")
            entered.set()
            raise ValueError("once")

    monkeypatch.setitem(jobs.BODIES, Job.SIGN_RECEIPTS, fails)
    with world.session() as session, db.transaction(session):
        defer(session, Job.SIGN_RECEIPTS, lock="receipts")
    run_once(context)
    left = world.rows("SELECT id FROM procrastinate_jobs WHERE lock = 'receipts'")
    assert left == []


def test_the_log_holds_ids_and_nothing_personal(
    world: World, context: Context, worker_once: Callable[[], str], stack: Machine
) -> None:
    """SECURITY 45: jobs, their arguments and the worker's log."""
    case = submit(world, context)
    with world.session() as session, db.transaction(session):
        defer(
            session, Job.DESTROY_DOCUMENT, lock=f"document:{case.document_id}",
            document_id=case.document_id,
        )  # fmt: skip
    done = command(stack, "run", "--once")
    assert done.returncode == 0
    assert "job.done" in done.stderr
    for value in ("王小满", "11010520080304003"):
        assert value not in done.stderr + done.stdout
    rows = world.rows("SELECT args::text FROM procrastinate_jobs")
    assert all("王小满" not in row[0] for row in rows)


class Way:
    """A way to PostgreSQL that can be shut: connections are taken and dropped, and counted."""

    def __init__(self, port: int) -> None:
        self.there, self.open, self.refused = port, False, 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._stand, daemon=True).start()

    def _stand(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                came, _from = self._door.accept()
                if not self.open:
                    self.refused += 1
                    came.close()
                    continue
                on = socket.create_connection(("127.0.0.1", self.there))
                for one, other in ((came, on), (on, came)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while some := source.recv(65536):
                target.sendall(some)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._door.close()


def test_postgresql_away_is_said_once(world: World, stack: Machine, tmp_path: Path) -> None:
    """SECURITY 50: the worker goes on as soon as the database is back."""
    log, way = tmp_path / "worker.log", Way(stack.postgres.port)
    variables = stack.variables.worker()
    detour = variables["WORKER_DATABASE_URL"].replace(f":{stack.postgres.port}/", f":{way.port}/")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "uploads_worker", "run"],
            env=stack.variables.process({**variables, "WORKER_DATABASE_URL": detour}),
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        assert wait_until(lambda: "worker.interrupted" in log.read_text(), 40), log.read_text()
        tries = way.refused
        assert wait_until(lambda: way.refused >= tries + 2, 40), log.read_text()
        assert process.poll() is None
        assert log.read_text().count("worker.interrupted") == 1
        job = put(world, "provision_vault_key", event_id=str(uuid.uuid4()))
        way.open = True
        assert wait_until(lambda: status(world, job) not in ("todo", "doing"), 60), log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0
    finally:
        process.kill()
        way.close()
    assert log.read_text().count("worker.interrupted") == 1


def test_an_id_that_nobody_knows_does_no_harm(world: World, context: Context) -> None:
    """C-47."""
    for name in ("provision_vault_key",):
        job = put(world, name, event_id=str(uuid.uuid4()))
        run_once(context)
        assert status(world, job) is None
    job = put(world, "destroy_document", document_id=str(uuid.uuid4()))
    run_once(context)
    assert status(world, job) is None
