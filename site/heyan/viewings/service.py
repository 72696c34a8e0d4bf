"""The verbs of a viewing on the web's side: order it, list one's own, fetch it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.documents.custody import note_steps
from heyan.documents.models import CustodyStep, Document
from heyan.exports.models import Export
from heyan.jobs import Job, defer
from heyan.notifications.service import notify
from heyan.registrations.models import Registration
from heyan.viewings.models import Viewing, ViewingItem, ViewingState

PAGE = 20
# CONTROLS section 5: what is released to staff stays for a day at most.
LONGEST = timedelta(hours=24)
MOST_SUBJECTS = 50
KINDS = ("document", "recording", "export")


class ViewingUnknown(Exception):
    """No such viewing, or another person's."""


class OrderInvalid(Exception):
    """Nothing, too much, or an unknown kind was to be opened."""


def order(
    session: Session,
    *,
    request_id: uuid.UUID,
    requester_id: uuid.UUID,
    subject_kind: str,
    subject_ids: Collection[uuid.UUID],
    hours: int,
) -> uuid.UUID:
    """Order the viewing of a request that has just been approved in full; return its id.

    Called in the approving transaction; ordering twice gives the same one. The worker asks again
    whether the approval stands before it opens anything. It ends after *hours*, a day at most.
    Raises `OrderInvalid`.
    """
    subjects = set(subject_ids)
    if subject_kind not in KINDS or not 0 < len(subjects) <= MOST_SUBJECTS or hours < 1:
        raise OrderInvalid
    with transaction(session):
        known = session.scalars(select(Viewing.id).where(Viewing.request_id == request_id)).first()
        if known is not None:
            return known
        moment = clock.now()
        row = Viewing(
            request_id=request_id,
            requester_id=requester_id,
            subject_kind=subject_kind,
            state=ViewingState.ORDERED,
            ordered_at=moment,
            expires_at=moment + min(timedelta(hours=hours), LONGEST),
        )
        session.add(row)
        session.flush()
        session.add_all(ViewingItem(viewing_id=row.id, subject_id=one) for one in subjects)
        session.flush()
        record(
            session, Actor("staff", requester_id), "viewings.order", "viewing", row.id,
            request_id=request_id, kind=subject_kind, subjects=len(subjects),
        )  # fmt: skip
        defer(session, Job.BUILD_VIEWING, lock=f"viewing:{row.id}", viewing_id=row.id)
        return row.id


def load(session: Session, account_id: uuid.UUID, viewing_id: uuid.UUID) -> Viewing:
    """Return one of this person's own viewings; raises `ViewingUnknown`."""
    row = session.scalars(
        select(Viewing).where(Viewing.id == viewing_id, Viewing.requester_id == account_id)
    ).first()
    if row is None:
        raise ViewingUnknown
    return row


def list_own(
    session: Session, account_id: uuid.UUID, before: uuid.UUID | None = None
) -> list[Viewing]:
    """Return a page (and one more) of this person's viewings, the newest first."""
    query = (
        select(Viewing)
        .where(Viewing.requester_id == account_id)
        .order_by(Viewing.ordered_at.desc(), Viewing.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        mark = select(Viewing.ordered_at, Viewing.id).where(
            Viewing.id == before, Viewing.requester_id == account_id
        )
        query = query.where(tuple_(Viewing.ordered_at, Viewing.id) < mark.scalar_subquery())
    return list(session.scalars(query))


def of_request(session: Session, account_id: uuid.UUID, request_id: uuid.UUID) -> Viewing | None:
    """Return the viewing that a request of this person's opened, if it did."""
    return session.scalars(
        select(Viewing).where(Viewing.request_id == request_id, Viewing.requester_id == account_id)
    ).first()


def ready_count(session: Session, account_id: uuid.UUID) -> int:
    """Return how many viewings lie ready for this person, not fetched yet."""
    rows = select(func.count(Viewing.id)).where(
        Viewing.requester_id == account_id,
        Viewing.state == ViewingState.OFFERED,
        Viewing.fetched_at.is_(None),
        Viewing.expires_at > clock.now(),
    )
    return session.scalar(rows) or 0


def subject_ids(session: Session, viewing_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Return what a viewing is of."""
    rows = select(ViewingItem.subject_id).where(ViewingItem.viewing_id == viewing_id)
    return frozenset(session.scalars(rows))


def begin_fetch(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    viewing_id: uuid.UUID,
    *,
    purpose: str,
    roles: Collection[str],
) -> Viewing:
    """Record that the file is about to leave, before its first byte does.

    The first time it is written into each document's custody, and its owner is told: for which
    *purpose* and approved by which *roles*, never by or to whom. Raises `ViewingUnknown`.
    """
    with transaction(session):
        row = session.scalars(
            select(Viewing)
            .where(Viewing.id == viewing_id, Viewing.requester_id == account_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).first()
        if row is None or row.state is not ViewingState.OFFERED:
            raise ViewingUnknown
        if row.fetched_at is None:
            row.fetched_at = clock.now()
            if row.subject_kind == "document":
                _tell_owners(session, row, purpose, roles)
        record(session, actor, "viewings.fetch", "viewing", row.id, request_id=row.request_id)
        if row.subject_kind == "export":
            _count_rows(session, actor, row)
        return row


def _count_rows(session: Session, actor: Actor, row: Viewing) -> None:
    """Put on record how many rows leave with this fetch, and of which list (S-093)."""
    for export in session.scalars(
        select(Export).where(Export.id.in_(subject_ids(session, row.id)))
    ):
        record(
            session, actor, "exports.fetch", "export", export.id,
            kind=export.kind.value, rows=export.rows_built or 0, request_id=row.request_id,
        )  # fmt: skip


def _tell_owners(session: Session, row: Viewing, purpose: str, roles: Collection[str]) -> None:
    included = select(ViewingItem.subject_id).where(
        ViewingItem.viewing_id == row.id, ViewingItem.problem.is_(None)
    )
    found = session.execute(
        select(Document.id, Registration.account_id)
        .join(Registration, Registration.id == Document.registration_id)
        .where(Document.id.in_(included))
    ).all()
    note_steps(
        session,
        [document_id for document_id, _owner in found],
        CustodyStep.SHOWN,
        viewing_id=str(row.id),
        purpose=purpose,
        approved_by=sorted(roles),
    )
    for document_id, owner in found:
        notify(session, owner, "document_shown", document_id=document_id)


def sent(session: Session, actor: Actor, viewing_id: uuid.UUID, *, first: int, end: int) -> None:
    """Record that bytes *first* up to *end* (exclusive) of the file have left."""
    with transaction(session):
        record(session, actor, "viewings.sent", "viewing", viewing_id, first=first, end=end)
