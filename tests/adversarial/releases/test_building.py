"""Batches while things go wrong: lost and swapped objects, changed recipients, kill -9."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from deploy.local.machine import Machine
from heyan.consent.purposes import HAND_OVER
from heyan.documents.models import DocumentState
from heyan.releases.models import ReleaseState
from tests.releases import Batches, Organizer
from uploads_worker.pinning import RecipientMismatch, check_pin
from uploads_worker.releases import build_release, building
from uploads_worker.releases.claims import claim
from uploads_worker.releases.writing import write_release

ROOT = Path(__file__).parents[3]
PATH = f"{ROOT / 'site'}:{ROOT}"


def build(batches: Batches, organizer: Organizer) -> None:
    build_release(batches.context, organizer.event_id, "demand")


def test_a_missing_and_a_changed_object_are_named_and_the_rest_goes_out(
    batches: Batches, organizer: Organizer
) -> None:
    """SECURITY 14, L2: one bad item never spoils the rest; staff are told."""
    good, gone, changed = (batches.enrol(organizer).documents[0] for _ in range(3))
    objects = batches.context.objects
    [(key,)] = batches.rows("SELECT object_key FROM documents WHERE id = :d", d=gone)
    objects.destroy_sealed(key)
    [(key,)] = batches.rows("SELECT object_key FROM documents WHERE id = :d", d=changed)
    data = bytearray(objects.get_sealed(key))
    data[-1] ^= 1
    objects.destroy_sealed(key)
    objects.put_sealed(key, bytes(data))
    batches.change("UPDATE documents SET object_version = NULL WHERE id = :d", d=changed)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert batches.items(release) == {
        good: ("included", None),
        gone: ("missing", "object_missing"),
        changed: ("broken", "unopenable"),
    }
    assert (release.documents_count, release.missing_count, release.broken_count) == (1, 1, 1)
    documents = batches.open(organizer, release).documents()
    assert documents[str(gone)]["problem"] == "object_missing"
    assert documents[str(changed)]["problem"] == "unopenable"
    assert batches.state(good) is DocumentState.RELEASED
    assert batches.state(changed) is DocumentState.SEALED
    [(found,)] = batches.rows(
        "SELECT details FROM audit_entries WHERE action = 'releases.documents_unopened'"
        " AND subject_id = :r",
        r=str(release.id),
    )
    assert set(found["documents"]) == {str(gone), str(changed)}
    # By schedule it does not come again alone; with something new it is tried once more.
    build_release(batches.context, organizer.event_id, "schedule")
    assert len(batches.releases(organizer)) == 1


def test_two_swapped_ciphertexts_both_fail_and_are_named(
    batches: Batches, organizer: Organizer
) -> None:
    """SECURITY 11: a ciphertext moved to another row does not open."""
    one, other, good = (batches.enrol(organizer).documents[0] for _ in range(3))
    columns = "object_key, object_version, ciphertext_sha256, commitment, ciphertext_bytes"
    rows = {
        row[0]: row[1:]
        for row in batches.rows(
            f"SELECT id, {columns} FROM documents WHERE id IN (:a, :b)", a=one, b=other
        )
    }
    change = (
        "UPDATE documents SET object_key = :k, object_version = :v, ciphertext_sha256 = :s,"
        " commitment = :c WHERE id = :d"
    )
    batches.change("UPDATE documents SET object_key = 'x' WHERE id = :d", d=one)
    for target, source in ((other, one), (one, other)):
        key, version, sha256, commitment, _size = rows[source]
        batches.change(change, k=key, v=version, s=sha256, c=commitment, d=target)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert batches.items(release) == {
        one: ("broken", "unopenable"),
        other: ("broken", "unopenable"),
        good: ("included", None),
    }


def test_a_recipient_changed_in_the_database_gets_nothing(
    batches: Batches, organizer: Organizer
) -> None:
    """C-78, SECURITY 13: the worker refuses, and says so to the audit trail, once a day."""
    person = batches.enrol(organizer)
    thief = str(pyrage.x25519.Identity.generate().to_public())
    batches.change(
        "UPDATE recipients SET recipient = :r WHERE organization_id = :o",
        r=thief,
        o=organizer.organization_id,
    )
    build(batches, organizer)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert (release.state, release.problem) == (ReleaseState.FAILED, "recipient")
    assert release.object_key is None
    assert batches.items(release) == {}
    assert batches.state(person.documents[0]) is DocumentState.SEALED
    with pytest.raises(RecipientMismatch):
        check_pin(batches.context, organizer.organization_id)
    refused = batches.rows(
        "SELECT outcome FROM audit_entries WHERE action = 'releases.refuse' AND subject_id = :r",
        r=str(release.id),
    )
    assert refused == [("refused",)]
    # Set right again, the same documents go out.
    batches.pin(organizer)
    build(batches, organizer)
    assert [one.state for one in batches.releases(organizer)] == [
        ReleaseState.FAILED,
        ReleaseState.OFFERED,
    ]


def test_a_recipient_pinned_in_the_database_alone_gets_nothing(batches: Batches) -> None:
    """C-78: a row that says pinned is not a pin."""
    organizer = batches.organizer(pinned=False)
    batches.enrol(organizer)
    batches.pin(organizer)
    batches.context.keyring.unpin(organizer.organization_id, organizer.recipient)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert (release.state, release.problem) == (ReleaseState.FAILED, "recipient")


@pytest.mark.parametrize("what", ["consent", "replaced", "withdrawn"])
def test_what_is_taken_back_while_the_file_is_written_goes_to_nobody(
    batches: Batches, organizer: Organizer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """S-006: the file is made again without it before anyone can fetch it."""
    stays, goes = batches.enrol(organizer), batches.enrol(organizer)
    rounds: list[str] = []

    def meanwhile(*given: Any, **named: Any) -> Any:
        made = write_release(*given, **named)
        rounds.append(given[0].object_key)
        if len(rounds) == 1 and what == "consent":
            batches.withdraw(goes, HAND_OVER)
        elif len(rounds) == 1 and what == "replaced":
            batches.change(
                "UPDATE documents SET state = 'superseded' WHERE id = :d", d=goes.documents[0]
            )
        elif len(rounds) == 1:
            batches.change(
                "UPDATE registrations SET status = 'withdrawn' WHERE id = :r",
                r=goes.registration_id,
            )
        return made

    monkeypatch.setattr(building, "write_release", meanwhile)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert len(rounds) == 2
    included = [one for one, (state, _) in batches.items(release).items() if state == "included"]
    assert included == stays.documents
    opened = batches.open(organizer, release)
    assert goes.id_number not in {
        one["id_number"] for one in opened.index["registrations"] if one["number"] == goes.number
    }
    keys = {one.key for one in batches.context.objects.list_releases()}
    assert release.object_key in keys
    assert rounds[0] not in keys


def test_two_workers_at_once_make_one_release(batches: Batches, organizer: Organizer) -> None:
    """DESIGN 4: locks; no document twice, no release twice."""
    for _ in range(6):
        batches.enrol(organizer, pictures=[os.urandom(100_000)])
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        build(batches, organizer)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    [release] = batches.releases(organizer)
    assert release.documents_count == 6


def test_a_release_that_was_taken_over_cannot_be_finished_by_the_first(
    batches: Batches, organizer: Organizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that lost its lock unnoticed destroys what it wrote and offers nothing."""
    batches.enrol(organizer)
    first: list[str] = []

    def overtaken(*given: Any, **named: Any) -> Any:
        made = write_release(*given, **named)
        if not first:
            first.append(given[0].object_key)
            monkeypatch.setattr(building, "only_builder", _always)
            build(batches, organizer)
        return made

    monkeypatch.setattr(building, "write_release", overtaken)
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert release.state is ReleaseState.OFFERED
    keys = {one.key for one in batches.context.objects.list_releases()}
    assert release.object_key in keys
    assert first[0] not in keys


def _always(*_given: Any) -> Any:
    import contextlib

    return contextlib.nullcontext(True)


def test_a_claim_that_was_left_is_taken_over_by_the_next_run(
    batches: Batches, organizer: Organizer
) -> None:
    """C-76: killed after the claim, or after the file was stored: one release, same number."""
    person = batches.enrol(organizer)
    context = batches.context
    for step in ("claimed", "stored"):
        with context.sessions() as session:
            left = claim(session, context.settings, organizer.event_id, "demand", None)
        assert left is not None
        if step == "stored":
            write_release(
                left, context.objects, context.keyring, context.keyring.root,
                [organizer.recipient], threads=2,
            )  # fmt: skip
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert (release.number, release.state) == (1, ReleaseState.OFFERED)
    assert batches.items(release) == {person.documents[0]: ("included", None)}
    keys = {one.key for one in context.objects.list_releases()}
    assert left is not None
    assert left.object_key not in keys


KILLED = """
import os, sys, uuid
from uploads_worker.context import Context
from uploads_worker.releases import building, offering
from uploads_worker.settings import WorkerSettings

point, event = sys.argv[1:]
def die(*given, **named):
    os.kill(os.getpid(), 9)
def after(function):
    def run(*given, **named):
        function(*given, **named)
        die()
    return run
if point == "claim":
    building.write_release = die
elif point == "writing":
    from uploads_worker.releases import writing
    writing.Contents.index_json = die
elif point == "stored":
    building.offer = die
elif point == "offering":
    offering._tell_people = die
elif point == "offered":
    building.offer = after(building.offer)
building.build_release(Context.open(WorkerSettings.from_env()), uuid.UUID(event), "demand")
"""


@pytest.mark.parametrize("point", ["claim", "writing", "stored", "offering", "offered"])
def test_killed_at_any_step_there_is_exactly_one_release_after_a_restart(
    batches: Batches, organizer: Organizer, stack: Machine, point: str,
    worker_once: Callable[[], str],
) -> None:  # fmt: skip
    """C-76, SECURITY 49: kill -9 of the worker's process; none or one complete release."""
    people = [batches.enrol(organizer, pictures=[os.urandom(400_000)] * 2) for _ in range(3)]
    documents = {one for person in people for one in person.documents}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, point, str(organizer.event_id)],
        env=stack.variables.process(stack.variables.worker()) | {"PYTHONPATH": PATH},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    offered = [one for one in batches.releases(organizer) if one.state is ReleaseState.OFFERED]
    assert len(offered) == (1 if point == "offered" else 0)
    _ask(batches, organizer)
    worker_once()
    [release] = batches.releases(organizer)
    assert release.state is ReleaseState.OFFERED
    assert set(batches.items(release)) == documents
    assert set(batches.open(organizer, release).documents()) == {str(one) for one in documents}
    mine = [one.key for one in batches.context.objects.list_releases()]
    known = {one.object_key for one in batches.releases(organizer)}
    assert release.object_key in mine
    assert known == {release.object_key}


def _ask(batches: Batches, organizer: Organizer) -> None:
    from heyan.audit.service import Actor
    from heyan.releases.service import request_release

    with batches.session() as session:
        actor = Actor("organizer", organizer.member_id)
        request_release(session, actor, organizer.organization_id, organizer.event_id)


def test_a_child_killed_while_parts_go_up_leaves_nothing_behind(
    batches: Batches, organizer: Organizer
) -> None:
    """An upload that was cut off is aborted by the next run, by its key."""
    batches.enrol(organizer)
    context = batches.context
    with context.sessions() as session:
        left = claim(session, context.settings, organizer.event_id, "demand", None)
    assert left is not None
    context.objects.client.create_multipart_upload(
        Bucket=context.objects.releases_bucket, Key=left.object_key
    )
    build(batches, organizer)
    assert context.objects.abort_release(left.object_key) == 0


def test_the_store_away_makes_nothing_and_is_tried_again(
    batches: Batches, organizer: Organizer
) -> None:
    """SECURITY 50: an error of the store is not taken for a missing document."""
    from heyan.custody.objects import ObjectStore, ObjectStoreUnavailable

    person = batches.enrol(organizer)
    real = batches.context.objects
    away = ObjectStore(
        "http://127.0.0.1:9", "local", "a", "b", real.sealed_bucket, real.releases_bucket,
        connect_timeout=1, attempts=1,
    )  # fmt: skip
    with pytest.raises(ObjectStoreUnavailable):
        build_release(
            dataclasses.replace(batches.context, objects=away), organizer.event_id, "demand"
        )
    assert batches.state(person.documents[0]) is DocumentState.SEALED
    build(batches, organizer)
    [release] = batches.releases(organizer)
    assert release.documents_count == 1
