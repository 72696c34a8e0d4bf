"""Recordings of calls at the worker: their monthly keys, opening one, and their end (D2, H2).

A month's key is made before the month begins, signed as an event's is, and destroyed when the
last recording sealed to it is gone and its time is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, exists, or_, select, text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.contacts.models import (
    Contact,
    ContactKind,
    ContactState,
    Recording,
    RecordingKey,
    RecordingKeyStatus,
    RecordingPart,
    RecordingState,
)
from heyan.contacts.recording_consent import RECORDING_KEPT
from heyan.contacts.recordings import PREFIX
from heyan.contacts.vault import part_context, vault_of
from heyan.custody.sealing import HYBRID, vault_key_id, vault_key_message
from heyan.db import transaction
from heyan.retention import holds
from uploads_worker import keyring_copies, tombstones
from uploads_worker.context import Context
from uploads_worker.keyring import KeyUnknown
from uploads_worker.opening import OpeningFailed, PrivateKey, generate_vault_key, open_sealed

log = structlog.get_logger("worker")

BATCH = 200
BACKDATE = timedelta(minutes=5)
GRACE = timedelta(days=1)


class RecordingGone(Exception):
    """There is no such recording, or it is destroyed."""


# --- keys ------------------------------------------------------------------------------------


def provision(context: Context) -> int:
    """Make the keys of this month and the next unless they are there; return how many."""
    now = clock.now()
    return sum(_provision(context, begin) for begin in (_month(now), _next(_month(now))))


def _month(moment: datetime) -> datetime:
    return clock.local(moment).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(month: datetime) -> datetime:
    return (month + timedelta(days=32)).replace(day=1)


def _provision(context: Context, month: datetime) -> int:
    vault_id = vault_of(month)
    with context.sessions() as session, transaction(session):
        # Both the hourly job and one that the web asked for may come at once.
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"vault:{vault_id}"},
        )
        rows = session.scalars(select(RecordingKey).where(RecordingKey.vault_id == vault_id)).all()
        if any(row.status is RecordingKeyStatus.ACTIVE for row in rows):
            return 0
        known = [one.version for one in context.keyring.vault_keys(vault_id)]
        version = max([0, *known, *(row.version for row in rows)]) + 1
        private, public = generate_vault_key(HYBRID.number)
        key_id = vault_key_id(public)
        context.keyring.add_vault_key(key_id, vault_id, version, HYBRID.number, private)
        after = _next(month)
        row = RecordingKey(
            key_id=key_id,
            vault_id=vault_id,
            version=version,
            suite=HYBRID.number,
            public_key=public,
            not_before=month - BACKDATE,
            not_after=after + BACKDATE,
            status=RecordingKeyStatus.ACTIVE,
            destroy_after=after + RECORDING_KEPT + GRACE,
            signature=b"",
        )
        row.signature = _signature(context, row)
        session.add(row)
        record(
            session, WORKER, "recordings.provision_key", "recording_key", key_id,
            month=f"{month:%Y-%m}", version=version,
        )  # fmt: skip
    return 1


def _signature(context: Context, row: RecordingKey) -> bytes:
    return context.keyring.root.sign(
        vault_key_message(
            key_id=row.key_id,
            event_id=row.vault_id,
            version=row.version,
            suite=row.suite,
            public_key=bytes(row.public_key),
            not_before=row.not_before,
            not_after=row.not_after,
        )
    )


def sign_keys_anew(context: Context, session: Session) -> int:
    """Sign every live key of recordings by the present root; for a change of root."""
    rows = session.scalars(
        select(RecordingKey)
        .where(RecordingKey.status == RecordingKeyStatus.ACTIVE)
        .with_for_update()
    ).all()
    for row in rows:
        row.signature = _signature(context, row)
    return len(rows)


def destroy_keys(context: Context) -> int:
    """Destroy the keys whose time is over and that nothing living is sealed to."""
    living = exists().where(
        Recording.key_id == RecordingKey.key_id, Recording.state == RecordingState.SEALED
    )
    with context.sessions() as session:
        due = list(
            session.scalars(
                select(RecordingKey.key_id).where(
                    RecordingKey.status == RecordingKeyStatus.ACTIVE,
                    RecordingKey.destroy_after <= clock.now(),
                    ~living,
                )
            )
        )
    for key_id in due:
        destroy_key(context, key_id)
    return len(due)


def destroy_key(context: Context, key_id: str) -> bool:
    """Destroy one key in the keyring and its copies, then say so; tell whether it was alive."""
    try:
        context.keyring.destroy_vault_key(key_id)
    except KeyUnknown:
        # Never in this keyring: nothing here could open with it.
        log.warning("recordings.key_unknown", key_id=key_id)
    if context.keyring.copies():
        copies = keyring_copies.renew(context.keyring, context.settings.keyring_recovery)
        if copies.unreachable:
            log.error("keyring.copy_unreachable", copies=len(copies.unreachable))
    now = clock.now()
    with context.sessions() as session, transaction(session):
        row = session.get(RecordingKey, key_id, with_for_update=True)
        if row is None or row.status is RecordingKeyStatus.DESTROYED:
            return False
        row.status, row.destroyed_at = RecordingKeyStatus.DESTROYED, now
        tombstones.add(context, session, "recording_key", key_id, "period", destroyed_at=now)
        record(session, WORKER, "recordings.destroy_key", "recording_key", key_id)
    return True


# --- opening ---------------------------------------------------------------------------------


def open_recording(context: Context, recording_id: uuid.UUID) -> Iterator[bytes]:
    """Yield a recording's bytes, a part at a time, each checked before it is given out.

    A part that is missing, moved, taken from another recording, or behind the last does not open.
    Raises `RecordingGone`, `OpeningFailed`, `KeyDestroyed`, `ObjectMissing`,
    `ObjectStoreUnavailable`. Who may hear it is the caller's to know (`uploads_worker.viewings`).
    """
    with context.sessions() as session:
        row = session.get(Recording, recording_id)
        if row is None or row.state is not RecordingState.SEALED:
            raise RecordingGone(str(recording_id))
        vault_id = session.get_one(RecordingKey, row.key_id).vault_id
        parts = list(
            session.scalars(
                select(RecordingPart)
                .where(RecordingPart.recording_id == recording_id)
                .order_by(RecordingPart.number)
            )
        )
    if [part.number for part in parts] != list(range(row.part_count)) or not parts:
        raise OpeningFailed
    private = PrivateKey(context.keyring.vault_private_key(row.key_id))
    length = 0
    for part in parts:
        data = open_sealed(
            context.objects.get_sealed(part.object_key, part.object_version),
            private_key=private,
            context=part_context(
                vault_id, recording_id, part.number, last=part.number == row.part_count - 1
            ),
            sha256=bytes(part.ciphertext_sha256),
            commitment=bytes(part.commitment),
        )
        length += len(data)
        yield data
    if length != row.plain_bytes:
        raise OpeningFailed


# --- the end ---------------------------------------------------------------------------------


def _disputed() -> ColumnElement[bool]:
    """Say of a recording that its call is in an open dispute: then nothing ends (H2)."""
    return (
        # By columns: the worker may not read an entry's words.
        select(Contact.id)
        .where(
            Contact.id == Recording.contact_id,
            Contact.kind == ContactKind.DISPUTE,
            Contact.state != ContactState.CLOSED,
        )
        .exists()
    )


def ends(moment: datetime) -> ColumnElement[bool]:
    """Say of a recording that it lives and is past its last day at *moment*.

    Consent taken back ends it in a dispute too: without it there is no ground to keep it, unless
    an authority's order holds the entry (`heyan.retention.holds`).
    """
    return and_(
        Recording.state == RecordingState.SEALED,
        Recording.destroy_due_at <= moment,
        or_(Recording.destroy_reason == "withdrawn", ~_disputed()),
        holds.not_held("contact", Recording.contact_id),
    )


def destroy_recording(
    context: Context, recording_id: uuid.UUID, *, because: str | None = None
) -> bool:
    """Destroy a recording that is due, or at once when *because* says why; tell whether it was.

    Raises `ObjectNotDestroyed`, `ObjectStoreUnavailable`: then the row still says that it is
    there. Doing it twice changes nothing.
    """
    with context.sessions() as session:
        row = session.get(Recording, recording_id)
        if row is None or row.state is RecordingState.DESTROYED:
            return False
        due = select(Recording.id).where(Recording.id == row.id, ends(clock.now()))
        if because is None and session.scalar(due) is None:
            return False
        keys = list(
            session.scalars(
                select(RecordingPart.object_key).where(RecordingPart.recording_id == row.id)
            )
        )
    versions = sum(context.objects.destroy_sealed(key) for key in keys)
    proven = clock.now()
    with context.sessions() as session, transaction(session):
        locked = session.get(Recording, recording_id, with_for_update=True)
        if locked is None or locked.state is RecordingState.DESTROYED:
            return False
        locked.state, locked.destroyed_at = RecordingState.DESTROYED, proven
        reason = because or locked.destroy_reason
        for key in keys:
            tombstones.add(
                context, session, "recording", recording_id, reason,
                destroyed_at=proven, object_key=key,
            )  # fmt: skip
        record(
            session, WORKER, "recordings.destroy", "recording", recording_id,
            reason=reason, parts=len(keys), versions=versions,
        )  # fmt: skip
    return True


def expire(context: Context) -> int:
    """Destroy every recording whose last day is past; return how many."""
    done, after = 0, uuid.UUID(int=0)
    while True:
        with context.sessions() as session:
            page = list(
                session.scalars(
                    select(Recording.id)
                    .where(ends(clock.now()), Recording.id > after)
                    .order_by(Recording.id)
                    .limit(BATCH)
                )
            )
        for recording_id in page:
            done += int(destroy_recording(context, recording_id))
        if len(page) < BATCH:
            return done
        after = page[-1]


def remove_orphans(context: Context) -> int:
    """Remove parts that no living recording names, a day after they came."""
    limit = clock.now() - timedelta(hours=context.settings.orphan_hours)
    gone = 0
    page: set[str] = set()
    for one in context.objects.list_sealed(f"{PREFIX}/"):
        if one.modified < limit:
            page.add(one.key)
        if len(page) >= BATCH:
            gone += _remove_unknown(context, page)
            page = set()
    return gone + _remove_unknown(context, page)


def _remove_unknown(context: Context, keys: set[str]) -> int:
    with context.sessions() as session:
        alive = set(
            session.scalars(
                select(RecordingPart.object_key)
                .join(Recording, Recording.id == RecordingPart.recording_id)
                .where(RecordingPart.object_key.in_(keys), Recording.state == RecordingState.SEALED)
            )
        )
    for key in sorted(keys - alive):
        context.objects.destroy_sealed(key)
        with context.sessions() as session, transaction(session):
            record(session, WORKER, "objects.destroy_orphan", "object", key[:64])
    return len(keys - alive)
