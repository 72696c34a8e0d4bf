"""The verb of visitors: leave a name and a number. What staff do stands in `heyan.leads.queue`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.consent.purposes import LEAD_CALLBACK
from heyan.consent.service import Evidence, grant
from heyan.db import blind_index, transaction, uuid7
from heyan.events.service import EventUnknown, by_slug
from heyan.leads.hours import due_after
from heyan.leads.models import DoNotContact, Lead, LeadStatus
from heyan.policies import promises
from heyan.settings import Settings


@dataclass(frozen=True)
class Left:
    """What came of it; ``lead_id`` is None for a number that asked not to be called."""

    lead_id: uuid.UUID | None
    repeated: bool


def phone_index(phone: str) -> bytes:
    """Return by what a number is found again."""
    return blind_index(phone, "leads.phone")


def keep_for(session: Session, left_at: datetime) -> timedelta:
    """Return how long a lead of that moment is kept after the last contact (S-106)."""
    return promises.kept(session, "lead.contact", left_at)


def keep_out(session: Session, index: bytes) -> None:
    """Keep a number, named by its blind index, out of every list of calls (S-019)."""
    session.execute(
        insert(DoNotContact).values(phone_index=index, at=clock.now()).on_conflict_do_nothing()
    )


def leave_lead(
    session: Session,
    settings: Settings,
    actor: Actor,
    evidence: Evidence,
    *,
    name: str,
    phone: str,
    text_shown: str,
    event_slug: str = "",
    call_time: str = "any",
) -> Left:
    """Put a callback into the queue, with its consent (B2).

    A number that already waits is updated, also when two requests race; one that asked not to be
    called stays out (S-019). Raises `NoPolicyInForce` while nothing may be collected.
    """
    index = phone_index(phone)
    with transaction(session):
        barred = session.get(DoNotContact, index) is not None
        # Done for both and undone for one: how long it takes tells nobody who asked not to be
        # called.
        trial = session.begin_nested()
        lead_id, repeated = _ask(session, settings, index, name, phone, event_slug, call_time)
        grant(session, LEAD_CALLBACK, evidence, text_shown=text_shown, lead_id=lead_id)
        if barred:
            trial.rollback()
            record(session, actor, "leads.kept_out", "lead", outcome="refused")
            return Left(None, repeated=False)
        trial.commit()
        record(session, actor, "leads.repeated" if repeated else "leads.left", "lead", lead_id)
        return Left(lead_id, repeated=repeated)


def _ask(
    session: Session,
    settings: Settings,
    index: bytes,
    name: str,
    phone: str,
    event_slug: str,
    call_time: str,
) -> tuple[uuid.UUID, bool]:
    """Put a lead into the queue, or update the one that waits; tell its id, and whether it did."""
    moment = clock.now()
    new_id = uuid7()
    wanted = insert(Lead).values(
        id=new_id,
        name=name,
        phone=phone,
        phone_index=index,
        event_id=_event_id(session, event_slug),
        call_time=call_time,
        times_asked=1,
        status=LeadStatus.OPEN,
        due_at=due_after(settings, moment),
        created_at=moment,
        updated_at=moment,
        delete_after=moment + keep_for(session, moment),
    )
    lead_id = session.execute(
        wanted.on_conflict_do_update(
            index_elements=[Lead.phone_index],
            index_where=text("status <> 'closed'"),
            set_={
                "name": wanted.excluded.name,
                "event_id": func.coalesce(wanted.excluded.event_id, Lead.event_id),
                "call_time": wanted.excluded.call_time,
                "times_asked": Lead.times_asked + literal_column("1"),
                "updated_at": moment,
                "delete_after": moment + keep_for(session, moment),
            },
        ).returning(Lead.id)
    ).scalar_one()
    return lead_id, lead_id != new_id


def _event_id(session: Session, slug: str) -> uuid.UUID | None:
    if not slug:
        return None
    try:
        return by_slug(session, slug).id
    except EventUnknown:
        return None


def waiting(session: Session) -> tuple[int, int]:
    """Return how many leads wait for a call, and how many of them are overdue."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(Lead.due_at < clock.now()),
        ).where(Lead.status != LeadStatus.CLOSED)
    ).one()
    return int(row[0]), int(row[1])
