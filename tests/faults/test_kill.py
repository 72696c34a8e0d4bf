"""Kill -9 of whatever, at random, under upload load: nothing acknowledged is lost or doubled.

``HEYAN_KILL_ROUNDS`` says how often (6 by default, so that CI stays quick; 50 is a night's run).
"""

from __future__ import annotations

import base64
import http.client
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from deploy.local import credentials, processes
from deploy.local.processes import wait_until
from deploy.local.rehearsal import cards, organizer, student
from deploy.local.rehearsal.browser import FilePart, StepFailed
from deploy.local.rehearsal.play import Play
from deploy.local.variables import ROOT
from heyan.custody.objects import ObjectStore
from tests.enrolment import picture
from tests.ops import RAISED, SLUG, Site, owner, variables
from uploads_worker.settings import WorkerSettings

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROUNDS = int(os.environ.get("HEYAN_KILL_ROUNDS", "6"))
SENDERS = 4
PACE = 0.6
T = TypeVar("T")


@dataclass
class Load:
    """Uploads that go on while things die, and what was acknowledged."""

    play: Play
    people: list[student.Student]
    acknowledged: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, mine: list[student.Student], data: bytes) -> None:
        """Upload both sides for each of *mine*, again and again until it is acknowledged."""
        for one in mine:
            for kind in student.KINDS:
                self._one(one, kind, data)
                # Spread over all the rounds, so that each kill meets uploads under way.
                self.stop.wait(PACE)

    def _one(self, one: student.Student, kind: str, data: bytes) -> None:
        path = f"/registrations/{one.registration}/documents/{kind}"
        form = None
        while not self.stop.is_set():
            try:
                # The form's token stays the same over all tries: a retry is not another document.
                form = form or one.browser.get(path).form("file", "upload_token")
                file = FilePart("card.jpg", data)
                answer = one.browser.send(form, file=file, override="yes")
                if answer.status == 200 and answer.path.startswith("/documents/"):
                    self.acknowledged[(one.registration, kind)] = answer.path.rsplit("/", 1)[1]
                    return
            except (OSError, http.client.HTTPException, StepFailed):
                pass
            self.failures += 1
            self.stop.wait(0.2)


def patient(act: Callable[[], T], seconds: float = 60) -> T:
    """Do *act* until it holds."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (OSError, http.client.HTTPException, StepFailed):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="heyan-kill-"))
    made = Site(home, credentials.free_port(), RAISED)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if not os.environ.get("HEYAN_KEEP_TEST_HOME"):
            shutil.rmtree(home, ignore_errors=True)


def kill_one(site: Site, chance: random.Random) -> str:
    """Kill one process of web, worker, database or object store, or one of its children."""
    name = chance.choice(("web", "worker", "postgres", "weed"))
    leader = site.pid(name)
    members = processes.session_members(leader) if leader else []
    if not members:
        return ""
    victim = chance.choice(members) if chance.random() < 0.5 else leader
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return name


def test_what_was_acknowledged_reaches_exactly_one_batch_whatever_dies(site: Site) -> None:
    """C-76, SECURITY 49: then no orphan stays beyond the sweep, and no page shows half a thing."""
    seed = int(os.environ.get("HEYAN_KILL_SEED", "0")) or int(time.time())
    chance = random.Random(seed)
    demo = site.demo()
    root = base64.b64decode(demo["root_public_key"])
    play = Play(site.base_url, demo, root, say=lambda _line: None)
    count = max(8, 2 * ROUNDS)
    with ThreadPoolExecutor(SENDERS) as pool:
        people = list(pool.map(lambda _turn: enrolled(play), range(count)))

        load, data = Load(play, people), picture()
        sending = [pool.submit(load.run, people[turn::SENDERS], data) for turn in range(SENDERS)]
        killed = []
        for _round in range(ROUNDS):
            time.sleep(chance.uniform(0.2, 1.5))
            killed.append(kill_one(site, chance))
        site.wait_ready(90)
        try:
            for each in sending:
                each.result(120)
        finally:
            load.stop.set()
    said = f"HEYAN_KILL_SEED={seed}: {killed}, {load.failures} tries failed"
    assert len(load.acknowledged) == 2 * count, said

    for one in people:
        patient(lambda one=one: submitted(play, one))  # type: ignore[misc]
    everything_is_in_one_batch(site, play, set(load.acknowledged.values()))
    nothing_is_there_twice(site, load)
    no_orphan_outlives_the_sweep(site)


def enrolled(play: Play) -> student.Student:
    """Someone who may upload."""
    made = student.opens_an_account(play, cards.holder(datetime.now(UTC).date()))
    student.binds_a_student(play, made)
    student.fills_in(play, made, SLUG)
    return made


def submitted(play: Play, one: student.Student) -> None:
    """Submit, whatever an earlier try left."""
    page = one.browser.get(f"/registrations/{one.registration}")
    if "data-number=" not in page.text:
        student.submits(play, one)


def everything_is_in_one_batch(site: Site, play: Play, acknowledged: set[str]) -> None:
    desk = patient(lambda: organizer.signs_in(play))
    asked = [0.0]

    def complete() -> bool:
        # The events' own schedule may have made a batch already; what is left is asked for.
        page = desk.get("/organizer/releases")
        if 'name="event_id"' in page.text and time.monotonic() - asked[0] > 10:
            asked[0] = time.monotonic()
            patient(lambda: desk.send(desk.get("/organizer/releases").form("event_id")))
        with owner(site) as connection:
            included = connection.execute(
                "SELECT i.document_id::text FROM release_items i"
                " JOIN releases r ON r.id = i.release_id"
                " WHERE i.state = 'included' AND r.manifest IS NOT NULL"
            ).fetchall()
        return {str(row[0]) for row in included} >= acknowledged

    assert wait_until(complete, 180, 1), "not every acknowledged upload is in a batch"
    with owner(site) as connection:
        often = connection.execute(
            "SELECT i.document_id, count(*) FROM release_items i"
            " JOIN releases r ON r.id = i.release_id"
            " WHERE i.state = 'included' AND r.manifest IS NOT NULL"
            " GROUP BY i.document_id HAVING count(*) > 1"
        ).fetchall()
        broken = connection.execute(
            "SELECT state, count(*) FROM release_items WHERE state <> 'included' GROUP BY state"
        ).fetchall()
    assert often == []
    assert broken == []


def nothing_is_there_twice(site: Site, load: Load) -> None:
    with owner(site) as connection:
        rows = connection.execute(
            "SELECT registration_id::text, kind::text, id::text FROM documents"
        ).fetchall()
    assert len(rows) == len(load.acknowledged)
    assert {(str(r), str(k)): str(i) for r, k, i in rows} == load.acknowledged


def no_orphan_outlives_the_sweep(site: Site) -> None:
    """Objects without a row (a crash between put and commit) are gone after the sweep's day."""
    worker = variables(site, "worker")
    done = subprocess.run(
        [sys.executable, "-m", "uploads_worker", "run", "--once"],
        env={"PATH": os.environ["PATH"], **worker, "HEYAN_CLOCK_OFFSET": str(26 * 3600)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    store = ObjectStore.from_settings(WorkerSettings.from_env(worker))
    with owner(site) as connection:
        rows = connection.execute("SELECT object_key FROM documents").fetchall()
        numbers = connection.execute("SELECT count(*) FROM documents").fetchone()
    known = {str(row[0]) for row in rows}
    stored = {one.key for one in store.list_sealed()}
    assert numbers == (len(known),)
    assert known <= stored
    assert not stored - known, f"{len(stored - known)} orphans"
