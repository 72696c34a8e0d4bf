"""The reading verbs of events, for everyone: what is open, the list, one page. No draft comes out.

What staff do to an event stands in `heyan.events.editing`.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload, selectinload

from heyan import clock
from heyan.events.models import Event, EventKind, EventStatus
from heyan.organizations.models import Organization

PUBLIC = (EventStatus.PUBLISHED, EventStatus.CLOSED)
SOON_OVER = timedelta(days=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventUnknown(Exception):
    """No event that the public may see has this address."""


class When(enum.Enum):
    """Which part of the list: those one can still register for, or the others."""

    OPEN = "open"
    PAST = "past"


class Stage(enum.Enum):
    """Where an event stands for someone who wants to register."""

    SOON = "soon"
    OPEN = "open"
    CLOSING = "closing"
    FULL = "full"
    CLOSED = "closed"


@dataclass(frozen=True)
class EventPage:
    """One page of the list; ``after`` is the cursor of the next, None on the last."""

    events: list[Event]
    after: str | None


def stage_of(event: Event, moment: datetime, *, sealable: bool = True) -> Stage:
    """Return where *event* stands at *moment*.

    An event that asks for documents opens only once they can be sealed (*sealable*).
    """
    if event.status is not EventStatus.PUBLISHED or moment >= event.closes_at:
        return Stage.CLOSED
    if moment < event.opens_at or not sealable:
        return Stage.SOON
    if event.capacity is not None and event.seats_taken >= event.capacity:
        return Stage.FULL
    return Stage.CLOSING if event.closes_at - moment <= SOON_OVER else Stage.OPEN


def takes_registrations(stage: Stage) -> bool:
    """Tell whether a registration may be handed in now (full: into the waiting list)."""
    return stage in (Stage.OPEN, Stage.CLOSING, Stage.FULL)


def _loaded() -> Select[Event]:
    return select(Event).options(
        joinedload(Event.organization, innerjoin=True),
        selectinload(Event.fields),
        selectinload(Event.document_kinds),
    )


def _open(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return (
        query.where(
            Event.status == EventStatus.PUBLISHED,
            Event.opens_at <= bindparam("moment"),
            Event.closes_at > bindparam("moment"),
        )
        .order_by(Event.closes_at, Event.id)
        .limit(bindparam("most"))
    )


# Made once: putting them together costs more than sending them.
_BY_SLUG = _loaded().where(Event.slug == bindparam("slug"), Event.status.in_(PUBLIC))
_OPEN = _open(_loaded())
_OPEN_TITLES = _open(select(Event.slug, Event.title, Event.title_en))


def open_events(session: Session, *, limit: int = 6) -> list[Event]:
    """Return the events one can register for now, those that close first in front."""
    return list(session.scalars(_OPEN, {"moment": clock.now(), "most": limit}))


def open_titles(session: Session, *, limit: int) -> list[tuple[str, str, str]]:
    """Return address, title and English title of the open events, for a list to choose from."""
    rows = session.execute(_OPEN_TITLES, {"moment": clock.now(), "most": limit})
    return [(row.slug, row.title, row.title_en) for row in rows]


def list_events(
    session: Session,
    *,
    when: When = When.OPEN,
    kind: EventKind | None = None,
    words: str = "",
    after: str | None = None,
    limit: int = 12,
) -> EventPage:
    """Return a page of the public list; *words* are looked for in titles and organizers."""
    moment = clock.now()
    query = _loaded()
    if when is When.OPEN:
        query = query.where(Event.status == EventStatus.PUBLISHED, Event.closes_at > moment)
        query = query.order_by(Event.closes_at, Event.id)
    else:
        query = query.where(
            or_(
                Event.status == EventStatus.CLOSED,
                (Event.status == EventStatus.PUBLISHED) & (Event.closes_at <= moment),
            )
        )
        query = query.order_by(Event.closes_at.desc(), Event.id.desc())
    if kind is not None:
        query = query.where(Event.kind == kind)
    for word in words.split()[:5]:
        query = query.where(_mentions(word))
    if (place := _read_cursor(after)) is not None:
        here = tuple_(Event.closes_at, Event.id)
        query = query.where(here > place if when is When.OPEN else here < place)
    rows = list(session.scalars(query.limit(limit + 1)))
    more = len(rows) > limit
    rows = rows[:limit]
    return EventPage(rows, _cursor(rows[-1]) if more else None)


def _mentions(word: str) -> ColumnElement[bool]:
    return or_(
        Event.title.icontains(word, autoescape=True),
        Event.title_en.icontains(word, autoescape=True),
        Event.summary.icontains(word, autoescape=True),
        Event.summary_en.icontains(word, autoescape=True),
        Event.organization_id.in_(
            select(Organization.id).where(Organization.name.icontains(word, autoescape=True))
        ),
    )


def by_slug(session: Session, slug: str) -> Event:
    """Return a published or closed event with organizer, fields and document kinds.

    Raises `EventUnknown` for a draft, an ended event, or none at all.
    """
    found = session.scalars(_BY_SLUG, {"slug": slug}).first()
    if found is None:
        raise EventUnknown
    return found


def by_id(session: Session, event_id: uuid.UUID) -> Event | None:
    """Return an event that was once public, whatever its state now, or None."""
    return session.scalars(
        _loaded().where(Event.id == event_id, Event.status != EventStatus.DRAFT)
    ).first()


def public_slugs(session: Session, *, limit: int = 5000) -> list[str]:
    """Return the addresses of the public events, newest first, for the site map."""
    return list(
        session.scalars(
            select(Event.slug)
            .where(Event.status.in_(PUBLIC))
            .order_by(Event.id.desc())
            .limit(limit)
        )
    )


def _cursor(event: Event) -> str:
    micros = (event.closes_at - _EPOCH) // timedelta(microseconds=1)
    return f"{micros}.{event.id.hex}"


def _read_cursor(text: str | None) -> tuple[datetime, uuid.UUID] | None:
    """Return the place a cursor names; None for the first page or for something made up."""
    micros, _, event_id = (text or "").partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros)), uuid.UUID(hex=event_id)
    except (ValueError, OverflowError):
        return None
