"""Destroy for good: delete all versions, prove that none is left, and only then say so (H2)."""

from __future__ import annotations

import uuid
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.documents.custody import note_step
from heyan.documents.models import CustodyStep, Document, DocumentState
from heyan.documents.states import move
from heyan.releases.models import Release, ReleaseState
from heyan.releases.states import RELEASE, move_release
from heyan.retention import holds
from uploads_worker import tombstones
from uploads_worker.context import Context

log = structlog.get_logger("worker")

# Nobody has a use for these any more, so they need not wait for their last day.
AT_ONCE = ("superseded", "withdrawn")


def destroy_document(
    context: Context,
    document_id: uuid.UUID,
    *,
    because: str | None = None,
    again: bool = False,
) -> bool:
    """Destroy a document that is due, or at once when *because* says why; tell whether it was.

    One that an order keeps stays (S-059), unless it was destroyed before a restore (*again*).
    Raises `ObjectNotDestroyed`, `ObjectStoreUnavailable`: then the row still says that the
    document is there. Doing it twice changes nothing.
    """
    while True:
        with context.sessions() as session:
            row = session.get(Document, document_id)
            kept = not again and holds.held(session, "document", document_id)
        if row is None or row.destroyed_at is not None:
            return False
        if kept:
            log.info("document.held", document_id=str(document_id))
            return False
        early = because is None and row.destroy_due_at > clock.now()
        if early and row.destroy_reason not in AT_ONCE:
            log.info("document.not_due", document_id=str(document_id))
            return False
        versions = context.objects.destroy_sealed(row.object_key)
        proven = clock.now()
        with context.sessions() as session, transaction(session):
            if _say_so(context, session, row, versions, proven, because):
                return True
        # Sealed to another key meanwhile: the new object has to go too.


def _say_so(
    context: Context,
    session: Session,
    seen: Document,
    versions: int,
    proven: datetime,
    because: str | None,
) -> bool:
    row = session.get(Document, seen.id, with_for_update=True)
    if row is None or row.destroyed_at is not None:
        return True
    if row.object_key != seen.object_key:
        return False
    reason = because or row.destroy_reason
    row.state = move(row.state, DocumentState.DESTROYED)
    row.destroyed_at = proven
    row.destroy_reason = reason
    tombstones.add(
        context, session, "document", row.id, reason,
        destroyed_at=proven, object_key=row.object_key,
    )  # fmt: skip
    note_step(session, row.id, CustodyStep.DESTROYED, reason=reason, versions=versions)
    record(
        session,
        WORKER,
        "documents.destroy",
        "document",
        row.id,
        reason=reason,
        versions=versions,
    )
    return True


def destroy_release(context: Context, release_id: uuid.UUID, reason: str) -> bool:
    """Destroy a release's file and say so; tell whether there was something to do."""
    with context.sessions() as session:
        row = session.get(Release, release_id)
    if row is None or row.destroyed_at is not None:
        return False
    versions = context.objects.destroy_release(row.object_key) if row.object_key else 0
    proven = clock.now()
    with context.sessions() as session, transaction(session):
        locked = session.get(Release, release_id, with_for_update=True)
        if locked is None or locked.destroyed_at is not None:
            return False
        if ReleaseState.DESTROYED in RELEASE[locked.state]:
            locked.state = move_release(locked.state, ReleaseState.DESTROYED)
        locked.destroyed_at = proven
        tombstones.add(
            context, session, "release", release_id, reason,
            destroyed_at=proven, object_key=row.object_key,
        )  # fmt: skip
        record(
            session, WORKER, "releases.destroy", "release", release_id,
            reason=reason, versions=versions,
        )  # fmt: skip
    return True


def due_documents(session: Session, limit: int, after: uuid.UUID) -> list[uuid.UUID]:
    """Return documents past their last day, by id; `destroy_document` leaves out what is held."""
    return list(
        session.scalars(
            select(Document.id)
            .where(
                Document.destroyed_at.is_(None),
                Document.destroy_due_at <= clock.now(),
                Document.id > after,
            )
            .order_by(Document.id)
            .limit(limit)
        )
    )
