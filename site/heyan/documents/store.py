"""Queries on documents that registrations need too; the verbs stand in `documents.service`."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.documents.custody import note_step
from heyan.documents.models import CustodyStep, Document, DocumentState
from heyan.documents.states import CURRENT
from heyan.events.models import DocumentKind, Event
from heyan.jobs import Job, defer
from heyan.policies import promises
from heyan.registrations.models import Registration


def current_documents(
    session: Session, registration_id: uuid.UUID, *, lock: bool = False
) -> list[Document]:
    """Return the registration's documents that count, one a kind, in the order they came.

    With *lock* their rows are held until the transaction ends.
    """
    query = (
        select(Document)
        .where(Document.registration_id == registration_id, Document.state.in_(CURRENT))
        .order_by(Document.id)
    )
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(session.scalars(query))


def current_of_kind(
    session: Session, registration_id: uuid.UUID, kind: DocumentKind
) -> Document | None:
    """Return the registration's document of *kind* that counts, or None."""
    return session.scalars(
        select(Document).where(
            Document.registration_id == registration_id,
            Document.kind == kind,
            Document.state.in_(CURRENT),
        )
    ).first()


def stored_count(session: Session, registration_id: uuid.UUID) -> int:
    """Return how many of the registration's documents are not destroyed yet."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Document)
            .where(Document.registration_id == registration_id, Document.destroyed_at.is_(None))
        )
        or 0
    )


def keep_until_event_ends(session: Session, registration_id: uuid.UUID, event: Event) -> None:
    """Give a submitted registration's documents the event's own end as their last day."""
    session.execute(
        update(Document)
        .where(Document.registration_id == registration_id, Document.state.in_(CURRENT))
        .values(destroy_due_at=event.destroy_at, destroy_reason="event_end")
        .execution_options(synchronize_session=False)
    )


def last_day_of_decided(
    session: Session, document: Document, published_at: datetime, event: Event
) -> datetime:
    """Return when a decided document must be gone at the latest."""
    # Time to appeal, as promised when it was handed in (S-106).
    appeal = promises.kept(session, "identity.document", document.received_at)
    return min(published_at + appeal, event.destroy_at)


def take_back(session: Session, registration: Registration) -> list[Document]:
    """Order the destruction of a withdrawn registration's documents, at once.

    Returns those that had been handed over before: their organizer is to be told. The caller
    holds the registration's lock.
    """
    handed_over = []
    moment = clock.now()
    for document in current_documents(session, registration.id, lock=True):
        if document.state is not DocumentState.SEALED:
            handed_over.append(document)
        document.destroy_due_at = moment
        document.destroy_reason = "withdrawn"
        note_step(session, document.id, CustodyStep.WITHDRAWN)
        defer(
            session,
            Job.DESTROY_DOCUMENT,
            lock=f"document:{document.id}",
            document_id=document.id,
        )
    session.flush()
    return handed_over
