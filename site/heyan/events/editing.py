"""What staff do with events: make, change, publish, close, and set what each asks for."""

from __future__ import annotations

import enum
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock, jobs
from heyan.assessments import service as assessments
from heyan.audit.service import Actor, record
from heyan.classification import REGISTRY, Level
from heyan.db import transaction
from heyan.events.models import (
    Event,
    EventField,
    EventKind,
    EventStatus,
)
from heyan.events.reading import (
    PAGE,
    EventUnknown,
    has_vault_key,
    listed,
    load,
    locked,
    pending,
)
from heyan.events.states import ForbiddenTransition, move_event
from heyan.organizations import service as organizations
from heyan.winddown import service as winddown

# What stays as it was once people have seen it.
FIXED_ONCE_PUBLISHED = frozenset({"slug", "number_prefix", "organization_id", "kind", "opens_at"})


class Problem(enum.Enum):
    """Why an event, as it stands, is not saved or does not open."""

    CLOSES_BEFORE_OPENING = "closes_before_opening"
    DOCUMENTS_BEFORE_CLOSING = "documents_before_closing"
    STARTS_BEFORE_CLOSING = "starts_before_closing"
    ENDS_BEFORE_START = "ends_before_start"
    DOCUMENTS_AFTER_END = "documents_after_end"
    LATER_THAN_PROMISED = "later_than_promised"
    CAPACITY_BELOW_SEATS = "capacity_below_seats"
    FIXED = "fixed"
    SLUG_TAKEN = "slug_taken"
    ORGANIZER_NOT_ACTIVE = "organizer_not_active"
    NO_ASSESSMENT = "no_assessment"
    HIGH_RISK = "high_risk"
    FIELD_WITHOUT_PURPOSE = "field_without_purpose"
    CLOSED_ALREADY = "closed_already"
    AFTER_THE_SERVICE = "after_the_service"


class Refused(Exception):
    """What was asked for does not fit; ``problems`` say why."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(", ".join(problem.value for problem in problems))
        self.problems = problems


class NotEditable(Exception):
    """The event's state does not allow this change any more."""


@dataclass(frozen=True, kw_only=True)
class EventFacts:
    """What staff say about an event; the rest of its row is the site's."""

    slug: str
    number_prefix: str
    organization_id: uuid.UUID
    kind: EventKind
    title: str
    opens_at: datetime
    closes_at: datetime
    documents_until: datetime
    starts_at: datetime
    ends_at: datetime
    title_en: str = ""
    summary: str = ""
    summary_en: str = ""
    description: str = ""
    description_en: str = ""
    place: str = ""
    fee_fen: int = 0
    capacity: int | None = None
    batch_every_hours: int = 24
    batch_at_documents: int = 500


def create(session: Session, actor: Actor, facts: EventFacts, *, keep_days: int) -> Event:
    """Make a draft; raises `Refused`. *keep_days* after its end the vault key is destroyed."""
    _check_dates(facts)
    try:
        with transaction(session):
            _check_organizer(session, facts.organization_id)
            row = Event(
                **asdict(facts),
                status=EventStatus.DRAFT,
                destroy_at=facts.ends_at + timedelta(days=keep_days),
                created_at=clock.now(),
            )
            session.add(row)
            session.flush()
            record(
                session,
                actor,
                "events.create",
                "event",
                row.id,
                organization_id=facts.organization_id,
            )
    except IntegrityError as error:
        session.rollback()
        raise Refused(Problem.SLUG_TAKEN) from error
    return row


def change(
    session: Session, actor: Actor, event_id: uuid.UUID, facts: EventFacts, *, keep_days: int
) -> Event:
    """Change an event that is not over; raises `EventUnknown`, `NotEditable`, `Refused`.

    Once published, address, number, organizer, kind and opening stay, and the day of destruction
    can only come nearer: people were told of it.
    """
    _check_dates(facts)
    try:
        with transaction(session):
            row = locked(session, event_id)
            if row.status not in (EventStatus.DRAFT, EventStatus.PUBLISHED):
                raise NotEditable
            changed = [item.name for item in fields(facts) if _differs(row, facts, item.name)]
            ends = facts.ends_at + timedelta(days=keep_days)
            if row.status is EventStatus.PUBLISHED:
                _check_published(row, facts, changed, ends)
                ends = min(ends, row.destroy_at)
            else:
                _check_organizer(session, facts.organization_id)
            if facts.capacity is not None and facts.capacity < row.seats_taken:
                raise Refused(Problem.CAPACITY_BELOW_SEATS)
            for name in changed:
                setattr(row, name, getattr(facts, name))
            row.destroy_at = ends
            session.flush()
            if changed:
                record(session, actor, "events.change", "event", row.id, changed=sorted(changed))
            return row
    except IntegrityError as error:
        session.rollback()
        raise Refused(Problem.SLUG_TAKEN) from error


def _differs(row: Event, facts: EventFacts, name: str) -> bool:
    return bool(getattr(row, name) != getattr(facts, name))


def _check_published(row: Event, facts: EventFacts, changed: list[str], ends: datetime) -> None:
    if FIXED_ONCE_PUBLISHED & set(changed):
        raise Refused(Problem.FIXED)
    if ends > row.destroy_at and facts.ends_at >= row.destroy_at:
        raise Refused(Problem.LATER_THAN_PROMISED)


def _check_dates(facts: EventFacts) -> None:
    wrong = []
    if facts.closes_at <= facts.opens_at:
        wrong.append(Problem.CLOSES_BEFORE_OPENING)
    if facts.documents_until < facts.closes_at:
        wrong.append(Problem.DOCUMENTS_BEFORE_CLOSING)
    if facts.starts_at < facts.closes_at:
        wrong.append(Problem.STARTS_BEFORE_CLOSING)
    if facts.ends_at <= facts.starts_at:
        wrong.append(Problem.ENDS_BEFORE_START)
    if facts.documents_until > facts.ends_at:
        wrong.append(Problem.DOCUMENTS_AFTER_END)
    if wrong:
        raise Refused(*wrong)


def _check_organizer(session: Session, organization_id: uuid.UUID) -> None:
    try:
        found = organizations.get(session, organization_id)
    except organizations.OrganizationUnknown as error:
        raise Refused(Problem.ORGANIZER_NOT_ACTIVE) from error
    if not found.organization.active:
        raise Refused(Problem.ORGANIZER_NOT_ACTIVE)


# --- publishing and closing ------------------------------------------------------------------


def hindrances(session: Session, event: Event) -> tuple[Problem, ...]:
    """Return what keeps a draft from opening, in the order in which it is best mended."""
    found = []
    if not event.organization.active:
        found.append(Problem.ORGANIZER_NOT_ACTIVE)
    if any(not complete_field(item) for item in event.fields):
        found.append(Problem.FIELD_WITHOUT_PURPOSE)
    asked = [spec.kind.value for spec in event.document_kinds]
    if asked and assessments.high_risk(session, event.id):
        found.append(Problem.HIGH_RISK)
    elif asked and not assessments.covered(session, event.id, asked):
        found.append(Problem.NO_ASSESSMENT)
    if event.closes_at <= clock.now():
        found.append(Problem.CLOSED_ALREADY)
    if (end := winddown.end_of(session)) and event.closes_at > end:
        found.append(Problem.AFTER_THE_SERVICE)
    return tuple(found)


def complete_field(item: EventField) -> bool:
    """Tell whether a question says what for, and what kind of data its answer is (S-012)."""
    category = REGISTRY.get(item.category)
    known = category is not None and category.level <= Level.L2_CONTACT
    return known and bool(item.purpose.strip())


def publish(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Show the event to everyone and have the worker make its vault key.

    Raises `EventUnknown`, `ForbiddenTransition`, `Refused`.
    """
    with transaction(session):
        event = locked(session, event_id)
        to = move_event(event.status, EventStatus.PUBLISHED)
        if found := hindrances(session, event):
            raise Refused(*found)
        event.status = to
        record(session, actor, "events.publish", "event", event.id)
        if event.document_kinds:
            jobs.defer(
                session,
                jobs.Job.PROVISION_VAULT_KEY,
                lock=f"vault/{event.id}",
                event_id=event.id,
            )
        return event


def close(session: Session, actor: Actor, event_id: uuid.UUID) -> Event:
    """Take no more registrations; raises `EventUnknown`, `ForbiddenTransition`."""
    with transaction(session):
        event = locked(session, event_id)
        event.status = move_event(event.status, EventStatus.CLOSED)
        record(session, actor, "events.close", "event", event.id)
        return event


__all__ = [
    "PAGE",
    "EventFacts",
    "EventUnknown",
    "ForbiddenTransition",
    "NotEditable",
    "Problem",
    "Refused",
    "change",
    "close",
    "create",
    "has_vault_key",
    "hindrances",
    "listed",
    "load",
    "pending",
    "publish",
]
