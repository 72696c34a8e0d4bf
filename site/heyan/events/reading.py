"""What staff read of events, drafts included; the public's reading is `heyan.events.service`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from heyan import clock
from heyan.events.models import Event, EventDocumentKind, EventStatus, VaultKey, VaultKeyStatus

PAGE = 50


class EventUnknown(Exception):
    """There is no such event, question or document kind."""


def _whole() -> list[Any]:
    return [
        joinedload(Event.organization),
        selectinload(Event.fields),
        selectinload(Event.document_kinds),
    ]


def load(session: Session, event_id: uuid.UUID) -> Event:
    """Return an event in any state with all that it asks for; raises `EventUnknown`."""
    found = session.scalars(select(Event).where(Event.id == event_id).options(*_whole())).first()
    if found is None:
        raise EventUnknown
    return found


def locked(session: Session, event_id: uuid.UUID) -> Event:
    """Return the event as it is now, its row locked; raises `EventUnknown`."""
    found = session.scalars(
        select(Event)
        .where(Event.id == event_id)
        .options(*_whole())
        .with_for_update(of=Event)
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise EventUnknown
    return found


def has_vault_key(session: Session, event_id: uuid.UUID) -> bool:
    """Tell whether the event has a live vault key; its signature is checked at sealing."""
    return (
        session.scalars(
            select(VaultKey.key_id).where(
                VaultKey.event_id == event_id,
                VaultKey.status == VaultKeyStatus.ACTIVE,
                VaultKey.not_after > clock.now(),
            )
        ).first()
        is not None
    )


def listed(
    session: Session,
    *,
    status: EventStatus | None = None,
    title: str = "",
    after: uuid.UUID | None = None,
    limit: int = PAGE,
) -> list[Event]:
    """Return events with their organizers, the newest first."""
    query = select(Event).options(joinedload(Event.organization))
    if status is not None:
        query = query.where(Event.status == status)
    if title:
        query = query.where(Event.title.icontains(title, autoescape=True))
    if after is not None:
        query = query.where(Event.id < after)
    return list(session.scalars(query.order_by(Event.id.desc()).limit(limit)))


@dataclass(frozen=True)
class Pending:
    """What waits in events: drafts, those without a key, and those whose window ends soon."""

    drafts: int
    without_key: int
    closing: int


def pending(session: Session) -> Pending:
    """Count what operations has to look at."""
    moment = clock.now()
    keyed = (
        select(VaultKey.event_id)
        .where(VaultKey.status == VaultKeyStatus.ACTIVE, VaultKey.not_after > moment)
        .scalar_subquery()
    )
    asks = select(EventDocumentKind.event_id).scalar_subquery()
    published = Event.status == EventStatus.PUBLISHED
    soon = moment + timedelta(days=3)

    def count(*conditions: Any) -> int:
        return session.scalar(select(func.count()).select_from(Event).where(*conditions)) or 0

    return Pending(
        drafts=count(Event.status == EventStatus.DRAFT),
        without_key=count(published, Event.id.in_(asks), Event.id.not_in(keyed)),
        closing=count(published, Event.closes_at > moment, Event.closes_at <= soon),
    )
