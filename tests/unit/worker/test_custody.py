"""Vault keys, receipts, destruction, rotation and the end of an event, over real engines."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text

from heyan import clock as clocks
from heyan.audit.service import OPERATOR
from heyan.custody.objects import ObjectMissing, ObjectNotDestroyed, ObjectStoreUnavailable, new_key
from heyan.custody.receipts import read_receipt
from heyan.custody.sealing import SealContext
from heyan.documents.models import Document
from heyan.documents.vault import sealing_key
from heyan.registrations.models import Registration
from tests.conftest import Clock
from tests.enrolment import World, id_number, picture
from tests.worker import age_key, audit_of, opened, root_text, submit, verify
from uploads_worker import (
    destruction,
    endings,
    keyring_copies,
    receipts,
    reconcile,
    rotation,
    sweep,
    vault,
)
from uploads_worker.context import Context
from uploads_worker.keyring import KeyDestroyed, Keyring
from uploads_worker.opening import OpeningFailed, open_sealed


def document_of(context: Context, document_id: uuid.UUID) -> Document:
    with context.sessions() as session:
        return session.get_one(Document, document_id)


def number_of(context: Context, registration_id: uuid.UUID) -> str:
    with context.sessions() as session:
        row = session.get_one(Registration, registration_id)
    return open_sealed(
        bytes(row.id_number_sealed or b""),
        private_key=context.keyring.vault_private_key(row.id_number_key_id or ""),
        context=SealContext(row.event_id, row.id, row.id, "id_number"),
        sha256=bytes(row.id_number_sha256 or b""),
        commitment=bytes(row.id_number_commitment or b""),
    ).decode()


# --- keys ------------------------------------------------------------------------------------


def test_an_event_gets_one_key_however_often_it_is_asked_for(
    world: World, context: Context
) -> None:
    event = world.event(with_key=False)
    first = vault.provision(context, event.id)
    assert vault.provision(context, event.id) == first
    assert [one.key_id for one in context.keyring.vault_keys(event.id)] == [first]
    rows = world.rows("SELECT key_id FROM vault_keys WHERE event_id = :e", e=event.id)
    assert [row[0] for row in rows] == [first]


def test_a_key_lasts_as_long_as_its_event(world: World, context: Context) -> None:
    """The last day may be moved after the key was made; the web checks the new signature."""
    event = world.event(with_key=False)
    key = vault.provision(context, event.id)
    later = event.destroy_at + timedelta(days=20)
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE events SET destroy_at = :d WHERE id = :e"), {"d": later, "e": event.id}
        )
    assert vault.provision(context, event.id) == key
    with world.session() as session:
        found = sealing_key(session, event.id, context.keyring.root_public_key)
    assert found.not_after > later


def test_what_the_web_seals_the_worker_opens(world: World, context: Context) -> None:
    case = submit(world, context)
    assert opened(context, case.document_id).startswith(b"\xff\xd8")
    assert number_of(context, case.registration_id) == id_number()


def test_an_ended_event_gets_no_key(world: World, context: Context) -> None:
    event = world.event(with_key=False, destroy_at=clocks.now() - timedelta(days=1))
    with pytest.raises(vault.EventOver):
        vault.provision(context, event.id)


# --- receipts --------------------------------------------------------------------------------


def test_every_step_has_a_receipt_that_a_stranger_can_check(
    world: World, context: Context, tmp_path: Path
) -> None:
    """C3, C-26: a stand-alone tool verifies it by the root's public key; a flipped bit is named."""
    case = submit(world, context)
    assert receipts.sign_lately(context) >= 2
    rows = world.rows(
        "SELECT event.step, receipt.envelope FROM custody_events AS event"
        " LEFT JOIN custody_receipts AS receipt ON receipt.custody_event_id = event.id"
        " WHERE event.document_id = :d ORDER BY event.at, event.id",
        d=case.document_id,
    )
    assert {str(row[0]) for row in rows} >= {"received", "sealed"}
    assert all(row[1] for row in rows)
    public = Ed25519PublicKey.from_public_bytes(context.keyring.root_public_key)
    for number, (step, envelope) in enumerate(rows):
        found = read_receipt(envelope, public)
        assert (found["step"], found["document_id"]) == (step, str(case.document_id))
        (tmp_path / f"{number}.json").write_text(envelope)
    paths = sorted(tmp_path.glob("*.json"))
    code, said = verify("--root", root_text(context), "receipt", *paths)
    assert code == 0
    assert str(case.document_id) in said
    data = bytearray(paths[0].read_bytes())
    data[len(data) // 3] ^= 1
    paths[0].write_bytes(bytes(data))
    code, said = verify("--root", root_text(context), "receipt", *paths)
    assert code == 1
    assert f"BROKEN {paths[0]}" in said
    assert f"holds {paths[1]}" in said


# --- destruction -----------------------------------------------------------------------------


def test_a_destroyed_document_is_gone_in_every_version(world: World, context: Context) -> None:
    """C-24, SECURITY 15, H2: proven gone, then said."""
    case = submit(world, context)
    before = document_of(context, case.document_id)
    assert not destruction.destroy_document(context, case.document_id)  # not due yet
    assert destruction.destroy_document(context, case.document_id, because="withdrawn")
    assert not destruction.destroy_document(context, case.document_id, because="withdrawn")
    with pytest.raises(ObjectMissing):
        context.objects.get_sealed(before.object_key, before.object_version)
    assert list(context.objects.list_sealed(before.object_key)) == []
    after = document_of(context, case.document_id)
    assert after.state.value == "destroyed"
    assert after.destroyed_at is not None
    stones = world.rows(
        "SELECT object_key FROM tombstones WHERE subject_id = :d", d=str(case.document_id)
    )
    assert [row[0] for row in stones] == [before.object_key]
    assert len(audit_of(world, "documents.destroy", case.document_id)) == 1


@pytest.mark.parametrize("error", [ObjectNotDestroyed("still"), ObjectStoreUnavailable("503")])
def test_nothing_is_called_destroyed_that_may_still_be_there(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """SECURITY 15, H2: never flagged falsely."""
    case = submit(world, context)

    def fails(_key: str) -> int:
        raise error

    monkeypatch.setattr(context.objects, "destroy_sealed", fails)
    with pytest.raises(type(error)):
        destruction.destroy_document(context, case.document_id, because="withdrawn")
    assert document_of(context, case.document_id).destroyed_at is None
    assert audit_of(world, "documents.destroy", case.document_id) == []


def test_a_document_past_its_last_day_is_swept(
    world: World, context: Context, clock: Clock
) -> None:
    case = submit(world, context)
    world_person = world.person()
    draft = world_person.ready(case.slug)
    assert world_person.upload(draft, picture()).status_code == 303
    clock.move(timedelta(days=8))
    sweep.sweep(context)
    rows = dict(
        world.rows(
            "SELECT registration_id, destroy_reason FROM documents"
            " WHERE event_id = :e AND destroyed_at IS NOT NULL",
            e=case.event_id,
        )
    )
    assert rows == {uuid.UUID(draft): "draft"}
    status = world.rows("SELECT status, id_number_sealed FROM registrations WHERE id = :r", r=draft)
    assert [tuple(row) for row in status] == [("withdrawn", None)]


# --- the end of an event ---------------------------------------------------------------------


def test_after_an_events_end_no_copy_of_anything_opens(
    world: World, context: Context, clock: Clock, tmp_path: Path
) -> None:
    """SECURITY 15, C-24: the key is gone from keyring and copies; a kept ciphertext is dead."""
    identity, recipient = age_key()
    object.__setattr__(context.settings, "keyring_recovery", recipient)
    case = submit(world, context)
    row = document_of(context, case.document_id)
    kept = context.objects.get_sealed(row.object_key)
    copy = keyring_copies.make(context.keyring, tmp_path, recipient)
    clock.move(timedelta(days=52))
    sweep.sweep(context)
    with pytest.raises(KeyDestroyed):
        context.keyring.vault_private_key(row.vault_key_id)
    (tmp_path / "identity").write_text(identity)
    keyring_copies.restore(copy, tmp_path / "identity", tmp_path / "restored")
    passphrase = str(context.settings.keyring_passphrase_file)
    restored = Keyring.open(tmp_path / "restored", Path(passphrase).read_text().strip())
    with pytest.raises(KeyDestroyed):
        restored.vault_private_key(row.vault_key_id)
    # Somebody puts the ciphertext back: nothing here opens it, and the sweep takes it again.
    context.objects.put_sealed(row.object_key, kept)
    clock.move(timedelta(days=1))
    sweep.sweep(context)
    assert list(context.objects.list_sealed(row.object_key)) == []
    states = world.rows(
        "SELECT event.status, key.status, document.state, registration.id_number_sealed"
        " FROM events AS event JOIN vault_keys AS key ON key.event_id = event.id"
        " JOIN documents AS document ON document.event_id = event.id"
        " JOIN registrations AS registration ON registration.event_id = event.id"
        " WHERE event.id = :e",
        e=case.event_id,
    )
    assert [tuple(each) for each in states] == [("ended", "destroyed", "destroyed", None)]


def test_an_end_that_stops_half_way_is_finished_later(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-24, H2: ENDED only when everything is proven."""
    case = submit(world, context)

    def away(_key: str) -> int:
        raise ObjectStoreUnavailable("gone")

    monkeypatch.setattr(context.objects, "destroy_sealed", away)
    with pytest.raises(ObjectStoreUnavailable):
        endings.end_event(context, case.event_id)
    status = "SELECT status FROM events WHERE id = :e"
    assert world.rows(status, e=case.event_id)[0][0] == "published"
    monkeypatch.undo()
    endings.end_event(context, case.event_id)
    assert world.rows(status, e=case.event_id)[0][0] == "ended"
    assert len(audit_of(world, "vault.destroy", case.event_id)) == 1


# --- rotation --------------------------------------------------------------------------------


def test_rotation_moves_everything_to_the_new_key(world: World, context: Context) -> None:
    """C-20: 0 lost, and again changes nothing."""
    case = submit(world, context)
    first = document_of(context, case.document_id)
    shown = opened(context, case.document_id)
    new = vault.rotate(context, case.event_id, actor=OPERATOR)
    assert opened(context, case.document_id) == shown
    again = world.person().submitted(case.slug)
    assert document_of(context, uuid.UUID(again[1])).vault_key_id == new
    assert rotation.reseal(context, case.event_id) == {
        "documents": 1,
        "numbers": 1,
        "waiting": 0,
        "failed": 0,
    }
    row = document_of(context, case.document_id)
    assert row.vault_key_id == new
    assert row.commitment != first.commitment
    assert opened(context, case.document_id) == shown
    assert number_of(context, case.registration_id) == id_number()
    assert list(context.objects.list_sealed(first.object_key)) == []
    assert set(rotation.reseal(context, case.event_id).values()) == {0}


def test_a_broken_document_is_named_and_left_as_it_is(world: World, context: Context) -> None:
    """C-20, SECURITY 14."""
    case = submit(world, context)
    other = world.person().submitted(case.slug)
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE documents SET commitment = :c WHERE id = :d"),
            {"c": bytes(32), "d": case.document_id},
        )
    vault.rotate(context, case.event_id, actor=OPERATOR)
    found = rotation.reseal(context, case.event_id)
    assert (found["documents"], found["failed"]) == (1, 1)
    assert opened(context, uuid.UUID(other[1]))
    assert audit_of(world, "vault.reseal", case.document_id)[0]["outcome"] == "failed"
    with pytest.raises(OpeningFailed):
        opened(context, case.document_id)


# --- objects ---------------------------------------------------------------------------------


def test_an_object_without_a_row_goes_after_a_day(
    world: World, context: Context, clock: Clock
) -> None:
    """DESIGN 2.6."""
    key = new_key()
    context.objects.put_sealed(key, b"never acknowledged")
    sweep.sweep(context)
    assert list(context.objects.list_sealed(key))
    clock.move(timedelta(hours=25))
    sweep.sweep(context)
    assert not list(context.objects.list_sealed(key))
    assert audit_of(world, "objects.destroy_orphan", key)


def test_missing_and_changed_objects_are_reported(world: World, context: Context) -> None:
    """S-090: delete or flip one object: reported."""
    good, gone, flipped = (submit(world, context) for _ in range(3))
    for case, data in ((gone, None), (flipped, b"x")):
        row = document_of(context, case.document_id)
        stored = bytearray(context.objects.get_sealed(row.object_key))
        context.objects.destroy_sealed(row.object_key)
        if data:
            stored[100] ^= 1
            context.objects.put_sealed(row.object_key, bytes(stored))
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE documents SET object_version = NULL WHERE id = :d"),
            {"d": flipped.document_id},
        )
    reconcile.reconcile(context)
    assert audit_of(world, "documents.reconcile", good.document_id) == []
    for case, fault in ((gone, "missing"), (flipped, "changed")):
        assert audit_of(world, "documents.reconcile", case.document_id)[0]["fault"] == fault
