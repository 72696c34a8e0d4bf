"""An event's vault key over its life: made, renewed, sealed to anew, destroyed."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, Actor, record
from heyan.custody.sealing import HYBRID, vault_key_id, vault_key_message
from heyan.db import transaction
from heyan.events.models import Event, EventStatus, VaultKey, VaultKeyStatus
from uploads_worker.context import Context
from uploads_worker.opening import generate_vault_key

# A key is good for sealing a little longer than the event's documents live.
GRACE = timedelta(days=1)
# Clocks of web and worker may differ by a little.
BACKDATE = timedelta(minutes=5)


class EventUnknown(Exception):
    """There is no such event."""


class EventOver(Exception):
    """The event's keys are destroyed or due to be: it gets no new one."""


def provision(context: Context, event_id: uuid.UUID, *, actor: Actor = WORKER) -> str:
    """Give the event its vault key unless it has one; return the active key's id.

    The key goes into the keyring first: a crash in between leaves a key that nothing was ever
    sealed to, and the next try makes another. Raises `EventUnknown`, `EventOver`.
    """
    with context.sessions() as session, transaction(session):
        _alone(session, event_id)
        active = _active(session, event_id)
        if active is not None:
            _prolong(context, session, active, actor)
            return active.key_id
        return _make(context, session, event_id, actor).key_id


def rotate(context: Context, event_id: uuid.UUID, *, actor: Actor) -> str:
    """Give the event a new vault key and retire the ones before; return the new key's id."""
    with context.sessions() as session, transaction(session):
        _alone(session, event_id)
        for row in session.scalars(
            select(VaultKey).where(
                VaultKey.event_id == event_id, VaultKey.status == VaultKeyStatus.ACTIVE
            )
        ):
            row.status = VaultKeyStatus.RETIRED
        return _make(context, session, event_id, actor).key_id


def _alone(session: Session, event_id: uuid.UUID) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"vault:{event_id}"},
    )


def _active(session: Session, event_id: uuid.UUID) -> VaultKey | None:
    return session.scalars(
        select(VaultKey)
        .where(VaultKey.event_id == event_id, VaultKey.status == VaultKeyStatus.ACTIVE)
        .order_by(VaultKey.version.desc())
        .limit(1)
    ).first()


def _prolong(context: Context, session: Session, row: VaultKey, actor: Actor) -> None:
    """Let a key last as long as its event does now: its last day may have been moved."""
    event = session.get(Event, row.event_id)
    if event is None or event.destroy_at + GRACE <= row.not_after:
        return
    row.not_after = event.destroy_at + GRACE
    sign_vault_key(context, row)
    record(session, actor, "vault.prolong", "event", row.event_id, key_id=row.key_id)


def _make(context: Context, session: Session, event_id: uuid.UUID, actor: Actor) -> VaultKey:
    event = session.get(Event, event_id)
    if event is None:
        raise EventUnknown(str(event_id))
    now = clock.now()
    if event.status is EventStatus.ENDED or event.destroy_at <= now:
        raise EventOver(str(event_id))
    versions = session.scalars(select(VaultKey.version).where(VaultKey.event_id == event_id))
    known = [one.version for one in context.keyring.vault_keys(event_id)]
    version = max([0, *versions, *known]) + 1
    private, public = generate_vault_key(HYBRID.number)
    key_id = vault_key_id(public)
    context.keyring.add_vault_key(key_id, event_id, version, HYBRID.number, private)
    row = VaultKey(
        key_id=key_id,
        event_id=event_id,
        version=version,
        suite=HYBRID.number,
        public_key=public,
        not_before=now - BACKDATE,
        not_after=event.destroy_at + GRACE,
        signature=b"",
        status=VaultKeyStatus.ACTIVE,
    )
    sign_vault_key(context, row)
    session.add(row)
    record(session, actor, "vault.provision", "event", event_id, key_id=key_id, version=version)
    return row


def sign_vault_key(context: Context, row: VaultKey) -> None:
    """Put the root's signature on a vault key's row."""
    row.signature = context.keyring.root.sign(
        vault_key_message(
            key_id=row.key_id,
            event_id=row.event_id,
            version=row.version,
            suite=row.suite,
            public_key=bytes(row.public_key),
            not_before=row.not_before,
            not_after=row.not_after,
        )
    )
