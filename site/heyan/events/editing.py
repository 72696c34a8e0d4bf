"""What staff do with events: make, change, publish, close, and set what each asks for."""

from __future__ import annotations

import enum
import uuid
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock, jobs
from heyan.assessments import service as assessments
from heyan.audit.service import Actor, record
from heyan.classification import REGISTRY, Level
from heyan.db import transaction
from heyan.events.models import (
    DocumentKind,
    Event,
    EventDocumentKind,
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

INPUTS = ("text", "choice", "date", "number")
# What an answer may be: its column keeps no more than level 2 (S-011).
FIELD_CATEGORIES = ("registration.answers",)
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


@dataclass(frozen=True, kw_only=True)
class FieldFacts:
    """One question; purpose and category may wait until publishing."""

    key: str
    label: str
    input: str
    label_en: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    required: bool = True
    purpose: str = ""
    category: str = ""


@dataclass(frozen=True, kw_only=True)
class KindFacts:
    """The specification of one document (C2)."""

    required: bool = True
    marked: bool = True
    min_bytes: int = 0
    max_bytes: int = 2_000_000
    min_side: int = 800
    width: int = 0
    height: int = 0
    dpi: int = 0
    note: str = ""


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


# --- questions and documents -----------------------------------------------------------------


def save_field(
    session: Session,
    actor: Actor,
    event_id: uuid.UUID,
    facts: FieldFacts,
    field_id: uuid.UUID | None = None,
) -> EventField:
    """Add or change a question of a draft; raises `EventUnknown`, `NotEditable`, `Refused`."""
    if facts.input not in INPUTS or (facts.category and facts.category not in FIELD_CATEGORIES):
        raise ValueError(facts.input)
    values: dict[str, Any] = {**asdict(facts), "choices": list(facts.choices)}
    try:
        with transaction(session):
            event = _draft(session, event_id)
            if field_id is None:
                last = max((item.position for item in event.fields), default=-1)
                row = EventField(event_id=event.id, position=last + 1, **values)
                session.add(row)
            else:
                row = _field(event, field_id)
                for name, value in values.items():
                    setattr(row, name, value)
            session.flush()
            record(session, actor, "events.save_field", "event", event.id, field_id=row.id)
            return row
    except IntegrityError as error:
        session.rollback()
        raise Refused(Problem.SLUG_TAKEN) from error


def remove_field(session: Session, actor: Actor, event_id: uuid.UUID, field_id: uuid.UUID) -> None:
    """Take a question out of a draft; raises `EventUnknown`, `NotEditable`."""
    with transaction(session):
        event = _draft(session, event_id)
        session.delete(_field(event, field_id))
        record(session, actor, "events.remove_field", "event", event.id, field_id=field_id)


def save_kind(
    session: Session, actor: Actor, event_id: uuid.UUID, kind: DocumentKind, facts: KindFacts
) -> EventDocumentKind:
    """Ask for a document, or change its specification; a change makes a new version (C2).

    A published event gets no new kind, only new specifications. Raises `EventUnknown`,
    `NotEditable`.
    """
    if not facts.marked and kind is not DocumentKind.PORTRAIT:
        raise ValueError(kind.value)
    with transaction(session):
        event = locked(session, event_id)
        found = next((spec for spec in event.document_kinds if spec.kind is kind), None)
        editable = (EventStatus.DRAFT, EventStatus.PUBLISHED)
        if event.status not in editable or (
            found is None and event.status is not EventStatus.DRAFT
        ):
            raise NotEditable
        values = asdict(facts)
        if found is None:
            last = max((spec.position for spec in event.document_kinds), default=-1)
            found = EventDocumentKind(
                event_id=event.id, kind=kind, position=last + 1, version=1, **values
            )
            session.add(found)
        elif any(getattr(found, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(found, name, value)
            found.version += 1
        session.flush()
        record(
            session,
            actor,
            "events.save_kind",
            "event",
            event.id,
            document_kind=kind.value,
            version=found.version,
        )
        return found


def remove_kind(session: Session, actor: Actor, event_id: uuid.UUID, kind: DocumentKind) -> None:
    """Stop a draft asking for a document; raises `EventUnknown`, `NotEditable`."""
    with transaction(session):
        event = _draft(session, event_id)
        found = next((spec for spec in event.document_kinds if spec.kind is kind), None)
        if found is None:
            raise EventUnknown
        session.delete(found)
        record(session, actor, "events.remove_kind", "event", event.id, document_kind=kind.value)


def _field(event: Event, field_id: uuid.UUID) -> EventField:
    found = next((item for item in event.fields if item.id == field_id), None)
    if found is None:
        raise EventUnknown
    return found


def _draft(session: Session, event_id: uuid.UUID) -> Event:
    event = locked(session, event_id)
    if event.status is not EventStatus.DRAFT:
        raise NotEditable
    return event


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
    "FieldFacts",
    "ForbiddenTransition",
    "KindFacts",
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
    "remove_field",
    "remove_kind",
    "save_field",
    "save_kind",
]
