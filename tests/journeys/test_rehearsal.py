"""`./dev up` and `./dev rehearse` as a person runs them, and what is left behind afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local import credentials, processes
from deploy.local.processes import wait_until
from deploy.local.variables import ROOT
from heyan.custody.objects import ObjectStore
from tests.ops import Site, environment, owner, variables
from uploads_worker.settings import WorkerSettings

pytestmark = pytest.mark.slow
# A second start takes 2 to 3 s on an idle machine with two cores; tests share theirs.
SECOND_START = float(os.environ.get("HEYAN_SECOND_START", "5"))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="heyan-rehearsal-"))
    made = Site(home, credentials.free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def personal(site: Site) -> list[str]:
    """Rehearse, and return every personal value that was handed in on the way."""
    target = site.home / "personal.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "dev"), "rehearse", "--personal", str(target)],
        env=environment(site.home, site.port),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the whole main job held" in done.stdout
    values: list[str] = json.loads(target.read_text("utf-8"))
    target.unlink()
    assert not any(value in done.stdout for value in values)
    return values


def test_the_whole_main_job_holds_over_http(personal: list[str]) -> None:
    """SECURITY 1, 11, 13, 32, C-47, C-79, C-80, S-032, G1, G2, G3, G5: the rehearsal as run."""
    # Three people with three values each; what was said of the dispute; two codes and passwords.
    assert len(personal) == len(set(personal)) == 16


def test_a_dispute_and_a_reset_left_their_trail_and_nothing_else(
    site: Site, personal: list[str]
) -> None:
    """I6, C-35, C-50, SECURITY 30: two approvals by two people, one fetch, two resets."""
    with owner(site) as connection:

        def count(query: str) -> int:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])

        assert count("SELECT count(*) FROM audit_entries WHERE action = 'approvals.approve'") == 2
        assert (
            count(
                "SELECT count(DISTINCT actor_id) FROM audit_entries"
                " WHERE action IN ('approvals.ask', 'approvals.approve')"
                " AND subject_id IN (SELECT request_id::text FROM viewings)"
            )
            == 3
        )
        assert count("SELECT count(*) FROM audit_entries WHERE action = 'viewings.fetch'") >= 1
        assert count("SELECT count(*) FROM viewings WHERE fetched_at IS NOT NULL") == 1
        assert count("SELECT count(*) FROM audit_entries WHERE action = 'assistance.find'") == 2
        assert count("SELECT count(*) FROM audit_entries WHERE action = 'assistance.freeze'") == 1


def test_no_personal_value_stands_in_a_log(site: Site, personal: list[str]) -> None:
    """C-67, SECURITY 45: names, numbers, phones, what was said, reset code and password."""
    for log in (site.home / "log").iterdir():
        seen = log.read_text("utf-8", "replace")
        assert not [len(value) for value in personal if value in seen], log.name
        assert not any(value in line for line in site.output for value in personal)


def test_each_line_of_the_log_is_one_event(site: Site, personal: list[str]) -> None:
    """C-68: what the web and the worker write is JSON, one event a line."""
    for name in ("web", "worker"):
        lines = (site.home / "log" / f"{name}.log").read_text("utf-8").splitlines()
        for line in lines:
            assert not line.startswith("{") or "event" in json.loads(line), name


def test_a_stolen_dump_holds_no_name_phone_or_number(site: Site, personal: list[str]) -> None:
    """S-033, C-67: every column of every table as text, the job queue among them."""
    with owner(site) as connection:
        tables = [
            str(row[0])
            for row in connection.execute(
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            )
        ]
        assert {"documents", "procrastinate_jobs", "audit_entries"} <= set(tables)
        for table in tables:
            found = connection.execute(
                psycopg.sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text LIKE ANY (%s)").format(
                    psycopg.sql.Identifier(table)
                ),
                [[f"%{value}%" for value in personal]],
            ).fetchone()
            assert found == (0,), table
            hidden = connection.execute(
                psycopg.sql.SQL("SELECT t::text FROM {} AS t").format(psycopg.sql.Identifier(table))
            ).fetchall()
            dumped = "\n".join(str(row[0]) for row in hidden)
            assert not [v for v in personal if v.encode().hex() in dumped], table


def test_object_names_say_nothing(site: Site, personal: list[str]) -> None:
    """C-67, SECURITY 45: names in both buckets are random."""
    store = ObjectStore.from_settings(WorkerSettings.from_env(variables(site, "worker")))
    names = [one.key for listed in (store.list_sealed, store.list_releases) for one in listed()]
    # The account was closed in the end: the two batches are what is left for sure.
    assert len(names) >= 2, len(names)
    assert not any(value in name for name in names for value in personal)


def test_the_audit_chain_of_the_rehearsal_verifies(site: Site, personal: list[str]) -> None:
    """C-65, I4."""
    with owner(site) as connection:

        def sealed() -> bool:
            left = connection.execute(
                "SELECT count(*) FROM audit_entries e"
                " WHERE NOT EXISTS (SELECT FROM audit_chain l WHERE l.entry_id = e.id)"
            ).fetchone()
            connection.rollback()
            return left == (0,)

        wait_until(sealed, 75, 0.5)
    done = subprocess.run(
        [sys.executable, "-m", "uploads_worker", "audit", "verify"],
        env={"PATH": os.environ["PATH"], **variables(site, "worker")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_leaves_nothing_running_and_a_second_start_is_quick(
    site: Site, personal: list[str]
) -> None:
    before = site.pids()
    assert len(before) > 3
    assert site.interrupt() == 0
    assert wait_until(lambda: not [pid for pid in before if processes.born(pid)], 10)
    began = time.monotonic()
    site.start()
    took = time.monotonic() - began
    assert took < SECOND_START, f"{took:.1f} s"
    with owner(site) as connection:
        count = connection.execute("SELECT count(*) FROM documents").fetchone()
    assert count == (3,)


def test_every_server_listens_on_loopback_alone(site: Site, personal: list[str]) -> None:
    ours = site.pids()
    sockets = set()
    for pid in ours:
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                sockets.add(target[8:-1])
    open_to_all = []
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "0" * 24 + "01000000")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and cells[9] in sockets and cells[1].split(":")[0] != loopback:
                open_to_all.append(cells[1])
    assert open_to_all == []


def test_a_killed_supervisor_is_recovered_from(site: Site, personal: list[str]) -> None:
    """Kill -9 of the supervisor: the next start ends what was left and finds the data."""
    assert site.process is not None
    site.process.send_signal(signal.SIGKILL)
    site.process.wait(10)
    site.start()
    site.wait_ready()
    with owner(site) as connection:
        assert connection.execute("SELECT count(*) FROM documents").fetchone() == (3,)


def test_a_second_supervisor_of_the_same_folder_is_refused(site: Site, personal: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "dev"), "up"],
        env=site.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "another ./dev up already runs" in done.stdout
