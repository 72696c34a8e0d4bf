"""The end of an event: its vault keys are destroyed first, then everything sealed to them."""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, Actor, record
from heyan.db import transaction
from heyan.documents.models import Document
from heyan.events.models import Event, EventStatus, VaultKey, VaultKeyStatus
from heyan.registrations.models import Registration
from heyan.retention import holds
from uploads_worker import destruction, keyring_copies, safety, tombstones
from uploads_worker.context import Context
from uploads_worker.keyring import KeyUnknown

log = structlog.get_logger("worker")


def events_due(session: Session) -> list[uuid.UUID]:
    """Return events past their last day that have not ended."""
    return list(
        session.scalars(
            select(Event.id)
            .where(Event.destroy_at <= clock.now(), Event.status != EventStatus.ENDED)
            .order_by(Event.destroy_at)
        )
    )


def end_event(
    context: Context, event_id: uuid.UUID, *, actor: Actor = WORKER, again: bool = False
) -> None:
    """Destroy the event's keys, documents and ID numbers; ENDED only when all is proven.

    What an authority's order keeps stays, and with it the key, until the order is released: the
    event ends then (S-059). *again*, after a restore: all of it was destroyed before.
    May stop anywhere and be done again. Raises what the object store raises.
    """
    with context.sessions() as session:
        kept = not again and keeps(session, event_id)
    if not kept:
        _destroy_keys(context, event_id, actor)
    after = uuid.UUID(int=0)
    while True:
        with context.sessions() as session:
            left = list(
                session.scalars(
                    select(Document.id)
                    .where(
                        Document.event_id == event_id,
                        Document.destroyed_at.is_(None),
                        Document.id > after,
                    )
                    .order_by(Document.id)
                    .limit(200)
                )
            )
        if not left:
            break
        after = left[-1]
        for document_id in left:
            destruction.destroy_document(context, document_id, because="event_end", again=again)
    with context.sessions() as session, transaction(session):
        numbers = forget_numbers(session, Registration.event_id == event_id, again=again)
        event = session.get(Event, event_id, with_for_update=True)
        if event is None or kept:
            return
        event.status = EventStatus.ENDED
        safety.forget_event(session, event_id)
        documents = session.scalar(
            select(func.count()).select_from(Document).where(Document.event_id == event_id)
        )
        record(
            session, actor, "events.end", "event", event_id, documents=documents, numbers=numbers
        )


def _destroy_keys(context: Context, event_id: uuid.UUID, actor: Actor) -> None:
    with context.sessions() as session:
        rows = session.scalars(select(VaultKey.key_id).where(VaultKey.event_id == event_id))
        ids = set(rows) | {one.key_id for one in context.keyring.vault_keys(event_id)}
    gone = []
    for key_id in sorted(ids):
        try:
            if context.keyring.destroy_vault_key(key_id):
                gone.append(key_id)
        except KeyUnknown:
            # Never in this keyring: nothing here could open with it.
            continue
    copies = (
        keyring_copies.renew(context.keyring, context.settings.keyring_recovery)
        if context.keyring.copies()
        else keyring_copies.Renewal((), ())
    )
    now = clock.now()
    with context.sessions() as session, transaction(session):
        for row in session.scalars(
            select(VaultKey)
            .where(VaultKey.event_id == event_id, VaultKey.status != VaultKeyStatus.DESTROYED)
            .with_for_update()
        ):
            row.status, row.destroyed_at = VaultKeyStatus.DESTROYED, now
            tombstones.add(context, session, "vault_key", row.key_id, "event_end", destroyed_at=now)
            record(
                session, actor, "vault.destroy", "event", event_id,
                key_id=row.key_id, copies_renewed=len(copies.renewed),
                copies_unreachable=len(copies.unreachable),
            )  # fmt: skip
    if copies.unreachable:
        log.error("keyring.copy_unreachable", copies=len(copies.unreachable))


def keeps(session: Session, event_id: uuid.UUID) -> bool:
    """Tell whether an order keeps something that only the event's key opens."""
    held_number = select(Registration.id).where(
        Registration.event_id == event_id,
        Registration.id_number_sealed.is_not(None),
        holds.is_held("registration", Registration.id),
    )
    held_document = select(Document.id).where(
        Document.event_id == event_id,
        Document.destroyed_at.is_(None),
        holds.is_held("document", Document.id),
    )
    return any(session.scalar(one.limit(1)) is not None for one in (held_number, held_document))


def forget_numbers(session: Session, *which: object, again: bool = False) -> int:
    """Delete sealed ID numbers and what is shown of them; return of how many registrations."""
    kept = () if again else (holds.not_held("registration", Registration.id),)
    done = session.execute(
        update(Registration)
        .where(*which, *kept, Registration.id_number_sealed.is_not(None))  # type: ignore[arg-type]
        .values(
            id_number_sealed=None,
            id_number_sha256=None,
            id_number_commitment=None,
            id_number_tail=None,
        )
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
