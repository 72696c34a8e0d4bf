"""Two workers on one database: every job once, every document in one batch, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.machine import Machine
from deploy.local.processes import wait_until
from deploy.local.variables import ROOT
from heyan.audit.service import Actor
from heyan.releases.service import request_release
from tests.releases import Batches, Organizer
from tests.releases_fixtures import batches, organizer

__all__ = ["batches", "organizer"]

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ORGANIZERS = 5
PEOPLE = 4
SIZE = 3_000_000


@contextmanager
def working(machine: Machine, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker as its unit does."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "uploads_worker", "run"],
            env=machine.variables.process(machine.variables.worker()),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(batches: Batches, one: Organizer) -> None:
    with batches.session() as session:
        actor = Actor("organizer", one.member_id)
        request_release(session, actor, one.organization_id, one.event_id)


def test_a_worker_killed_between_claim_and_finish_beside_another_leaves_one_batch_of_everything(
    batches: Batches, stack: Machine, tmp_path: Path
) -> None:
    """C-76, SECURITY 49: one batch for each document, one step, one receipt and one notice."""
    organizers = [batches.organizer() for _each in range(ORGANIZERS)]
    documents: dict[uuid.UUID, set[uuid.UUID]] = {}
    accounts = []
    for one in organizers:
        people = [batches.enrol(one, pictures=[os.urandom(SIZE)]) for _each in range(PEOPLE)]
        documents[one.event_id] = {person.documents[0] for person in people}
        accounts += [person.account_id for person in people]
    events = [one.event_id for one in organizers]
    claimed = "SELECT count(*) FROM releases WHERE state = 'claimed' AND event_id = ANY(:e)"
    offered = "SELECT count(*) FROM releases WHERE state = 'offered' AND event_id = ANY(:e)"
    unsigned = (
        "SELECT count(*) FROM custody_events s JOIN documents d ON d.id = s.document_id"
        " LEFT JOIN custody_receipts r ON r.custody_event_id = s.id"
        " WHERE d.event_id = ANY(:e) AND r.custody_event_id IS NULL"
    )
    seen = threading.Event()

    def caught() -> bool:
        if batches.rows(claimed, e=events)[0][0]:
            seen.set()
        return seen.is_set() or batches.rows(offered, e=events)[0][0] == ORGANIZERS

    with working(stack, tmp_path / "first.log") as first:
        for one in organizers:
            # Whoever asks again while it waits or runs makes nothing more.
            for _again in range(3):
                ask(batches, one)
        assert wait_until(caught, 60, 0.005)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert seen.is_set()
    assert batches.rows(offered, e=events)[0][0] < ORGANIZERS
    with working(stack, tmp_path / "second.log"), working(stack, tmp_path / "third.log"):
        for one in organizers:
            ask(batches, one)
        assert wait_until(lambda: batches.rows(offered, e=events)[0][0] == ORGANIZERS, 120, 0.5)
        # A killed worker's job of signing is taken up; every five minutes all that is left is
        # signed anyway.
        assert wait_until(lambda: batches.rows(unsigned, e=events)[0][0] == 0, 330, 0.5)
        done = (
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'build_release'"
            " AND status IN ('todo', 'doing')"
        )
        assert wait_until(lambda: batches.rows(done)[0][0] == 0, 90, 0.5)
    for one in organizers:
        [release] = batches.releases(one)
        assert (release.number, release.documents_count) == (1, PEOPLE)
        items = batches.items(release)
        assert set(items) == documents[one.event_id]
        assert {state for state, _problem in items.values()} == {"included"}
        assert set(batches.open(one, release).documents()) == {str(item) for item in items}
    for step in ("prepared", "offered"):
        counts = batches.rows(
            "SELECT count(*) FROM custody_events s JOIN documents d ON d.id = s.document_id"
            " WHERE d.event_id = ANY(:e) AND s.step = CAST(:s AS custody_step)"
            " GROUP BY s.document_id",
            e=events,
            s=step,
        )
        assert counts == [(1,)] * (ORGANIZERS * PEOPLE)
    told = batches.rows(
        "SELECT count(*) FROM notices WHERE kind = 'document_handed_over'"
        " AND account_id = ANY(:a) GROUP BY account_id",
        a=accounts,
    )
    assert told == [(1,)] * len(accounts)
    said = "SELECT count(*) FROM audit_entries WHERE action = :a AND details->>'event_id' = ANY(:e)"
    texts = [str(event) for event in events]
    assert batches.rows(said, a="releases.offer", e=texts)[0][0] == ORGANIZERS
    # A killed worker's job that another of its kind has overtaken stays behind as aborted.
    failed = (
        "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"
        " AND task_name = 'build_release' AND args->>'event_id' = ANY(:e)"
    )
    assert batches.rows(failed, e=texts)[0][0] == 0
    stored = {one.key for one in batches.context.objects.list_releases()}
    known = {release.object_key for one in organizers for release in batches.releases(one)}
    mine = {row[0] for row in batches.rows("SELECT object_key FROM releases")}
    assert known <= stored
    assert stored <= mine
