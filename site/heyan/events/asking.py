"""What staff have a draft ask for: its questions and its documents, each with a specification."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.events.editing import NotEditable, Problem, Refused
from heyan.events.models import (
    DocumentKind,
    Event,
    EventDocumentKind,
    EventField,
    EventStatus,
)
from heyan.events.reading import EventUnknown, locked

INPUTS = ("text", "choice", "date", "number")
# What an answer may be: its column keeps no more than level 2 (S-011).
FIELD_CATEGORIES = ("registration.answers",)


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
