"""The verbs of the staff queue: list masked, reveal with a reason, assign, settle.

Assignments and outcomes are single conditional updates, so that two colleagues who act at once
never both succeed.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, Update, or_, select, tuple_, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Permission, Realm, Scenario, allowed
from heyan.accounts.listing import people
from heyan.accounts.models import AccountStatus
from heyan.approvals.service import require_grant
from heyan.audit.service import Actor, record
from heyan.classification import mask_name, mask_phone
from heyan.consent import service as consents
from heyan.db import transaction
from heyan.events.service import by_id
from heyan.events.wording import title_of
from heyan.leads.hours import due_after, may_call
from heyan.leads.models import DoNotContact, Lead, LeadOutcome, LeadStatus
from heyan.leads.service import keep_for, keep_out
from heyan.oversight.names import own_name
from heyan.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LeadUnknown(Exception):
    """There is no such lead."""


class Taken(Exception):
    """Someone else assigned or settled it since the page was made."""


class NotNow(Exception):
    """Nobody is called at this hour (L-39)."""


class View(enum.Enum):
    """Which part of the queue."""

    LIVE = "live"
    CALL = "call"
    MINE = "mine"
    UNASSIGNED = "unassigned"
    OVERDUE = "overdue"
    CLOSED = "closed"


@dataclass(frozen=True)
class LeadLine:
    """A lead as lists show it: masked."""

    id: uuid.UUID
    name: str
    phone: str
    event: str
    call_time: str
    due_at: datetime
    overdue: bool
    status: LeadStatus
    outcome: LeadOutcome | None
    assigned_to: uuid.UUID | None
    times_asked: int
    has_note: bool
    created_at: datetime
    updated_at: datetime
    account_id: uuid.UUID | None
    duplicate_of: uuid.UUID | None


@dataclass(frozen=True)
class QueuePage:
    """One page of the queue; ``after`` is the cursor of the next, None on the last."""

    lines: list[LeadLine]
    after: str | None


@dataclass(frozen=True)
class Revealed:
    """What is behind the mask; shown once and kept nowhere."""

    name: str
    phone: str
    note: str


def callers(session: Session) -> dict[uuid.UUID, str]:
    """Return the colleagues who may call people back, by id, with their names."""
    return {
        person.id: person.name or person.login
        for person in people(session, Realm.STAFF)
        if person.status is AccountStatus.ACTIVE
        and allowed(frozenset(person.roles), Permission.LEADS_WORK)
    }


def queue(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    view: View = View.LIVE,
    after: str | None = None,
    limit: int = 30,
) -> QueuePage:
    """Return a page of leads, those due first in front."""
    moment = clock.now()
    if view is View.CALL and not may_call(settings, moment):
        return QueuePage([], None)
    query = selected(view, actor.id, moment)
    latest_first = view is View.CLOSED
    key = Lead.updated_at if latest_first else Lead.due_at
    if (place := _read_cursor(after)) is not None:
        here = tuple_(key, Lead.id)
        query = query.where(here < place if latest_first else here > place)
    order = (key.desc(), Lead.id.desc()) if latest_first else (key, Lead.id)
    rows = list(session.scalars(query.order_by(*order).limit(limit + 1)))
    more, rows = len(rows) > limit, rows[:limit]
    lines = _lines(session, rows, moment)
    return QueuePage(lines, _cursor(rows[-1], latest_first) if more else None)


def selected(view: View, account_id: uuid.UUID | None, moment: datetime) -> Select[Lead]:
    """Return the query of a view, as *account_id* has it at *moment*."""
    # Past its last day it is there by an authority's order alone: nobody works with it (S-055).
    query = select(Lead).where(Lead.delete_after > clock.now())
    if view is View.CLOSED:
        return query.where(Lead.status == LeadStatus.CLOSED)
    query = query.where(Lead.status != LeadStatus.CLOSED)
    if view is View.MINE:
        query = query.where(Lead.assigned_to == account_id)
    elif view is View.UNASSIGNED:
        query = query.where(Lead.assigned_to.is_(None))
    elif view is View.OVERDUE:
        query = query.where(Lead.due_at < moment)
    elif view is View.CALL:
        query = query.where(or_(Lead.assigned_to == account_id, Lead.assigned_to.is_(None)))
        query = query.where(Lead.phone_index.not_in(select(DoNotContact.phone_index)))
    return query


def _lines(session: Session, rows: list[Lead], moment: datetime) -> list[LeadLine]:
    titles: dict[uuid.UUID, str] = {}
    for event_id in {row.event_id for row in rows if row.event_id}:
        event = by_id(session, event_id)
        titles[event_id] = title_of(event) if event else ""
    return [
        LeadLine(
            id=row.id,
            name=mask_name(row.name),
            phone=mask_phone(row.phone),
            event=titles.get(row.event_id, "") if row.event_id else "",
            call_time=row.call_time,
            due_at=row.due_at,
            overdue=row.status is not LeadStatus.CLOSED and row.due_at < moment,
            status=row.status,
            outcome=row.outcome,
            assigned_to=row.assigned_to,
            times_asked=row.times_asked,
            has_note=bool(row.note),
            created_at=row.created_at,
            updated_at=row.updated_at,
            account_id=row.account_id,
            duplicate_of=row.duplicate_of,
        )
        for row in rows
    ]


def lines_of(session: Session, rows: list[Lead]) -> list[LeadLine]:
    """Return *rows* as lists show them."""
    return _lines(session, rows, clock.now())


def line(session: Session, lead_id: uuid.UUID) -> LeadLine:
    """Return one lead, masked; raises `LeadUnknown`."""
    return _lines(session, [_load(session, lead_id)], clock.now())[0]


def _load(session: Session, lead_id: uuid.UUID) -> Lead:
    found = session.get(Lead, lead_id, populate_existing=True)
    if found is None or found.delete_after <= clock.now():
        raise LeadUnknown
    return found


def reveal(
    session: Session, settings: Settings, actor: Actor, lead_id: uuid.UUID, reason: str
) -> Revealed:
    """Return name, number and note of a lead, with one audit entry that says why.

    Raises `NotNow` for a live lead outside the hours in which people may be called, and for a
    number that asked not to be called; `NotGranted` without a live grant (S-091).
    """
    with transaction(session):
        require_grant(session, actor.id, Scenario.LEADS)
        row = _load(session, lead_id)
        to_call = reason == "call"
        barred = session.get(DoNotContact, row.phone_index) is not None
        if to_call and (barred or not may_call(settings, clock.now())):
            raise NotNow
        if to_call:
            try:
                consents.require_of_lead(session, lead_id)
            except consents.ConsentMissing as missing:
                raise NotNow from missing
        record(
            session, actor, "leads.revealed", "lead", lead_id, reason=reason,
            **own_name(session, actor.id, row.name),
        )  # fmt: skip
        return Revealed(row.name, row.phone, row.note or "")


def assign(
    session: Session,
    actor: Actor,
    lead_id: uuid.UUID,
    to: uuid.UUID | None,
    *,
    expected: uuid.UUID | None,
) -> None:
    """Give a live lead to a caller, or back to all; raises `Taken` when it moved meanwhile.

    *expected* is who had it when the page was made. *to* must be one of `callers`, else
    `LeadUnknown`.
    """
    with transaction(session):
        _load(session, lead_id)
        if to is not None and to not in callers(session):
            raise LeadUnknown
        _change(
            session,
            update(Lead)
            .where(
                Lead.id == lead_id,
                Lead.status != LeadStatus.CLOSED,
                Lead.assigned_to.is_not_distinct_from(expected),
            )
            .values(
                assigned_to=to,
                status=LeadStatus.OPEN if to is None else LeadStatus.ASSIGNED,
                updated_at=clock.now(),
            ),
        )
        record(session, actor, "leads.assigned", "lead", lead_id, to=to, before=expected)


def settle(
    session: Session,
    settings: Settings,
    actor: Actor,
    lead_id: uuid.UUID,
    outcome: LeadOutcome,
    note: str,
) -> None:
    """Write how a call ended; raises `Taken` when it was settled meanwhile.

    Not reached: it stays, due again a working day later. Do-not-contact: the number is kept out
    from now on. Anything else closes it.
    """
    moment = clock.now()
    with transaction(session):
        row = _load(session, lead_id)
        again = outcome is LeadOutcome.NOT_REACHED
        values: dict[str, object] = {
            "outcome": outcome,
            "updated_at": moment,
            "delete_after": moment + keep_for(session, row.created_at),
        }
        values |= (
            {"due_at": due_after(settings, moment)} if again else {"status": LeadStatus.CLOSED}
        )
        if note:
            values["note"] = note
        _change(
            session,
            update(Lead)
            .where(Lead.id == lead_id, Lead.status != LeadStatus.CLOSED)
            .values(**values),
        )
        if outcome is LeadOutcome.DO_NOT_CONTACT:
            keep_out(session, bytes(row.phone_index))
        record(session, actor, "leads.settled", "lead", lead_id, outcome=outcome.value)


def _change(session: Session, wanted: Update) -> None:
    changed = session.execute(
        wanted.returning(Lead.id).execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise Taken
    session.expire_all()


def _cursor(row: Lead, latest_first: bool) -> str:
    moment = row.updated_at if latest_first else row.due_at
    return f"{(moment - _EPOCH) // timedelta(microseconds=1)}.{row.id.hex}"


def _read_cursor(text: str | None) -> tuple[datetime, uuid.UUID] | None:
    micros, _, lead_id = (text or "").partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros)), uuid.UUID(hex=lead_id)
    except (ValueError, OverflowError):
        return None
