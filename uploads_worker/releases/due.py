"""When a batch is due, when an organizer is reminded, and when a batch ends."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.agreements import service as agreements
from heyan.audit.models import AuditEntry
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.documents.models import Document, DocumentState
from heyan.events.models import Event
from heyan.jobs import Job, defer
from heyan.notifications.service import notify
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration
from heyan.releases.models import (
    ItemState,
    Recipient,
    RecipientStatus,
    Release,
    ReleaseItem,
    ReleaseState,
)
from heyan.releases.recipients import LEAKED, for_leaked_key
from heyan.settings_limits import CustodyLimits
from uploads_worker import destruction
from uploads_worker.context import Context
from uploads_worker.releases.building import AGREEMENT, RECIPIENT
from uploads_worker.releases.claims import RUNNING
from uploads_worker.releases.offering import members
from uploads_worker.releases.waiting import troubled, waiting_documents

log = structlog.get_logger("worker")

# A release that is claimed for so long may have been left; the build itself finds out.
LEFT = timedelta(minutes=10)
# Nothing is tried again earlier for size alone (what waits may lack consent).
PAUSE = timedelta(minutes=10)
REMINDERS = (3, 7, 14)
ALERT_DAY = 7
# Items of a batch that ended before anyone decided; their documents wait again.
EXPIRED = "expired"
RECIPIENT_CHANGED = "recipient_changed"
UNCONFIRMED = (ReleaseState.OFFERED, ReleaseState.FETCHED)
OPEN = (*UNCONFIRMED, ReleaseState.ACKNOWLEDGED)


@dataclass(frozen=True)
class Waiting:
    """What waits in one event."""

    documents: int
    since: datetime


def due_releases(context: Context) -> None:
    """Take back what can no longer be opened, then ask for every batch whose time has come.

    By schedule, by size, before a deadline, and where a release was left half made.
    """
    take_back_unpinned(context)
    free_undecided(context)
    with context.sessions() as session, transaction(session):
        left = set(
            session.scalars(
                select(Release.event_id).where(
                    Release.state == ReleaseState.CLAIMED, Release.created_at < clock.now() - LEFT
                )
            )
        )
        for event, waiting in _waiting(session):
            trigger = due(event, waiting, context.settings)
            if _waits_for_agreement(session, event.id):
                if not agreements.valid(session, event.organization_id):
                    left.discard(event.id)
                    continue
                # What was refused goes out by itself as soon as the organizer is bound.
                trigger = trigger or "schedule"
            if trigger is None and event.id not in left:
                continue
            if not _has_key(context, session, event.organization_id):
                continue
            if _refused_lately(session, event.id) and event.id not in left:
                continue
            left.discard(event.id)
            _ask(session, event.id, trigger or "schedule")
        for event_id in left:
            _ask(session, event_id, "schedule")


def _ask(session: Session, event_id: uuid.UUID, trigger: str) -> None:
    defer(
        session,
        Job.BUILD_RELEASE,
        lock=f"release:{event_id}",
        event_id=event_id,
        trigger=trigger,
        requested_by=None,
    )


def due(event: Event, waiting: Waiting, limits: CustodyLimits) -> str | None:
    """Return what makes a batch due now (size, deadline, schedule), or None."""
    moment, last = clock.now(), event.last_batch_at
    rested = last is None or last <= moment - PAUSE
    if waiting.documents >= event.batch_at_documents and rested:
        return "size"
    early = timedelta(hours=limits.release_before_deadline_hours)
    for deadline in (event.closes_at, event.documents_until):
        if deadline - early <= moment and (last is None or last < deadline - early):
            return "deadline"
    if moment - (last or waiting.since) >= timedelta(hours=event.batch_every_hours):
        return "schedule"
    return None


def _waiting(session: Session) -> list[tuple[Event, Waiting]]:
    rows = session.execute(
        select(Event, func.count(Document.id), func.min(Registration.submitted_at))
        .join(Document, Document.event_id == Event.id)
        .join(Registration, Registration.id == Document.registration_id)
        .join(Organization, Organization.id == Event.organization_id)
        .where(Event.status.in_(RUNNING), Organization.active, waiting_documents(), ~troubled())
        .group_by(Event.id)
        .order_by(Event.id)
    )
    return [(event, Waiting(count, since or event.opens_at)) for event, count, since in rows]


def _has_key(context: Context, session: Session, organization_id: uuid.UUID) -> bool:
    """Tell whether anyone says that the organizer has a key; who is right, the build finds out."""
    said = select(Recipient.id).where(
        Recipient.organization_id == organization_id, Recipient.status == RecipientStatus.PINNED
    )
    there = session.execute(said.limit(1)).first() is not None
    return there or bool(context.keyring.recipients(organization_id))


def _refused_lately(session: Session, event_id: uuid.UUID) -> bool:
    """Tell whether the newest release was refused for its recipient within a day."""
    newest = session.execute(
        select(Release.state, Release.problem, Release.created_at)
        .where(Release.event_id == event_id)
        .order_by(Release.number.desc())
        .limit(1)
    ).first()
    if newest is None:
        return False
    state, problem, created_at = newest
    recent = created_at > clock.now() - timedelta(days=1)
    return state is ReleaseState.FAILED and problem == RECIPIENT and recent


def _waits_for_agreement(session: Session, event_id: uuid.UUID) -> bool:
    """Tell whether the newest release was refused because the organizer was not bound (K2)."""
    newest = session.execute(
        select(Release.state, Release.problem)
        .where(Release.event_id == event_id)
        .order_by(Release.number.desc())
        .limit(1)
    ).first()
    return newest is not None and newest[0] is ReleaseState.FAILED and newest[1] == AGREEMENT


def take_back_unpinned(context: Context) -> int:
    """Destroy open releases made for a recipient that is no longer pinned (REQUIREMENTS L4).

    So too those that a leaked recovery key can open, once it is unpinned. Their undecided documents
    wait again, and go out to the key that is pinned now.
    """
    with context.sessions() as session:
        rows = session.execute(
            select(
                Release.id,
                Release.event_id,
                Release.organization_id,
                Release.recipient,
                for_leaked_key(),
            ).where(Release.state.in_(OPEN), Release.destroyed_at.is_(None))
        ).all()
        leaked = set(
            session.scalars(select(Recipient.recipient).where(Recipient.ended_reason == LEAKED))
        )
    taken = 0
    for release_id, event_id, organization_id, recipient, exposed in rows:
        pinned = {pin.recipient for pin in context.keyring.recipients(organization_id)}
        # What a leaked key can open waits until that key is unpinned: only then can it be remade.
        stays = not exposed or not pinned.isdisjoint(leaked)
        if not pinned or (recipient in pinned and stays):
            continue
        destruction.destroy_release(context, release_id, RECIPIENT_CHANGED)
        with context.sessions() as session, transaction(session):
            if _free(session, release_id, RECIPIENT_CHANGED):
                _ask(session, event_id, "demand")
        taken += 1
    return taken


def free_undecided(context: Context) -> int:
    """Let documents wait again whose batch was destroyed before the organizer confirmed it."""
    with context.sessions() as session, transaction(session):
        ended = session.scalars(
            select(Release.id)
            .join(ReleaseItem, ReleaseItem.release_id == Release.id)
            .join(Document, Document.id == ReleaseItem.document_id)
            .where(
                Release.state == ReleaseState.DESTROYED,
                Release.acknowledged_at.is_(None),
                ReleaseItem.state == ItemState.INCLUDED,
                Document.state == DocumentState.RELEASED,
            )
            .distinct()
        ).all()
        return sum(_free(session, release_id, EXPIRED) for release_id in ended)


def _free(session: Session, release_id: uuid.UUID, problem: str) -> int:
    """Take a dead release's undecided documents out of it."""
    undecided = select(Document.id).where(
        Document.id == ReleaseItem.document_id, Document.state == DocumentState.RELEASED
    )
    done = session.execute(
        update(ReleaseItem)
        .where(
            ReleaseItem.release_id == release_id,
            ReleaseItem.state == ItemState.INCLUDED,
            undecided.exists(),
        )
        .values(state=ItemState.MISSING, problem=problem)
        .execution_options(synchronize_session=False)
    )
    count = int(done.rowcount)  # type: ignore[attr-defined] # the result of an update has it
    if count:
        record(
            session, WORKER, "releases.free", "release", release_id,
            reason=problem, documents=count,
        )  # fmt: skip
    return count


def remind(context: Context) -> int:
    """Remind organizers of releases that nobody confirmed, after 3, 7 and 14 days (L2b).

    After 7 days staff are alerted too, by the audit trail. Returns how many reminders went out.
    """
    first = clock.now() - timedelta(days=REMINDERS[0])
    with context.sessions() as session:
        late = session.scalars(
            select(Release.id).where(Release.state.in_(UNCONFIRMED), Release.offered_at <= first)
        ).all()
    return sum(_remind_one(context, release_id) for release_id in late)


def _remind_one(context: Context, release_id: uuid.UUID) -> int:
    with context.sessions() as session, transaction(session):
        row = session.get(Release, release_id, with_for_update=True)
        if row is None or row.state not in UNCONFIRMED or row.offered_at is None:
            return 0
        age = (clock.now() - row.offered_at).days
        day = max((one for one in REMINDERS if one <= age), default=0)
        sent = session.scalars(
            select(AuditEntry.details).where(
                AuditEntry.subject_kind == "release",
                AuditEntry.subject_id == str(release_id),
                AuditEntry.action == "releases.remind",
            )
        )
        if not day or any(int(one.get("day", 0)) >= day for one in sent):
            return 0
        for member in members(session, row.organization_id):
            notify(
                session, member, "release_unconfirmed",
                release_id=release_id, number=row.number, days=day,
            )  # fmt: skip
        record(session, WORKER, "releases.remind", "release", release_id, day=day)
        if day >= ALERT_DAY:
            record(
                session, WORKER, "releases.unconfirmed", "release", release_id,
                outcome="alert", days=day, organization_id=row.organization_id,
            )  # fmt: skip
        return 1


def expire_releases(context: Context) -> int:
    """Destroy releases past their last day, with proof; return how many.

    The last day is that of the row, or so many days after the organizer confirmed.
    """
    moment = clock.now()
    kept = timedelta(days=context.settings.release_keep_days)
    with context.sessions() as session:
        over = session.scalars(
            select(Release.id).where(
                Release.destroyed_at.is_(None),
                Release.offered_at.is_not(None),
                or_(
                    Release.destroy_due_at <= moment,
                    and_(
                        Release.acknowledged_at.is_not(None),
                        Release.acknowledged_at <= moment - kept,
                    ),
                ),
            )
        ).all()
    gone = sum(destruction.destroy_release(context, one, EXPIRED) for one in over)
    free_undecided(context)
    return gone
