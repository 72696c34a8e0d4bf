"""What is read of the contact log: the queue, one entry, a person's history, a search.

Everything is masked unless who asks holds a standing grant for this scenario; each reveal is one
audit entry. Lists page by keyset.
"""

from __future__ import annotations

import enum
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Permission, Realm, Scenario, allowed
from heyan.accounts.entry import login_index
from heyan.accounts.listing import people
from heyan.accounts.models import Account, AccountStatus
from heyan.approvals.service import require_grant
from heyan.audit.service import Actor, record
from heyan.classification import mask_name, mask_phone
from heyan.contacts.models import (
    Contact,
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactNote,
    ContactOutcome,
    ContactState,
    Recording,
    RecordingConsent,
)
from heyan.contacts.service import ContactUnknown, barred, in_period, load
from heyan.db import transaction
from heyan.leads import service as leads
from heyan.leads.hours import may_call
from heyan.leads.models import DoNotContact, Lead
from heyan.oversight.names import own_name
from heyan.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PAGE = 30


class NotNow(Exception):
    """Nobody is called at this hour, or this number not at all (L-39, S-019)."""


class View(enum.Enum):
    """Which part of the log."""

    LIVE = "live"
    MINE = "mine"
    DUE = "due"
    OVERDUE = "overdue"
    DISPUTES = "disputes"
    CALL = "call"
    CLOSED = "closed"


@dataclass(frozen=True)
class Line:
    """An entry as lists show it."""

    id: uuid.UUID
    channel: ContactChannel
    direction: ContactDirection
    kind: ContactKind
    state: ContactState
    name: str
    phone: str
    at: datetime
    due_at: datetime
    overdue: bool
    owner_id: uuid.UUID | None
    outcome: ContactOutcome | None
    feedback_at: datetime | None


@dataclass(frozen=True)
class Page:
    """One page of a list; ``after`` is the cursor of the next, None on the last."""

    lines: list[Line]
    after: str | None


@dataclass(frozen=True)
class Note:
    """Something that was added; ``text`` None while masked."""

    at: datetime
    author_id: uuid.UUID
    text: str | None


@dataclass(frozen=True)
class Shown:
    """One entry; words are None while ``masked``."""

    line: Line
    masked: bool
    note: str | None
    reply_to: str | None
    outcome_note: str | None
    notes: list[Note]
    lead_id: uuid.UUID | None
    account_id: uuid.UUID | None
    registration_id: uuid.UUID | None
    consent: RecordingConsent
    recordings: list[Recording]
    feedback_channel: ContactChannel | None
    barred: bool
    closed_at: datetime | None
    delete_after: datetime


def clerks(session: Session) -> dict[uuid.UUID, str]:
    """Return the colleagues who work on the log, by id, with their names."""
    return {
        person.id: person.name or person.login
        for person in people(session, Realm.STAFF)
        if person.status is AccountStatus.ACTIVE
        and allowed(frozenset(person.roles), Permission.CONTACTS_WORK)
    }


def queue(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    view: View = View.LIVE,
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """Return a page of the log, what is due first in front."""
    moment = clock.now()
    if view is View.CALL and not may_call(settings, moment):
        return Page([], None)
    latest_first = view is View.CLOSED
    key = Contact.closed_at if latest_first else Contact.due_at
    query = _selected(view, actor, moment)
    if (place := _read_cursor(after)) is not None:
        here = tuple_(key, Contact.id)
        query = query.where(here < place if latest_first else here > place)
    order = (key.desc(), Contact.id.desc()) if latest_first else (key, Contact.id)
    rows = list(session.scalars(query.order_by(*order).limit(limit + 1)))
    return _page(rows, limit, "closed_at" if latest_first else "due_at")


def _selected(view: View, actor: Actor, moment: datetime) -> Select[Contact]:
    query = select(Contact).where(in_period())
    if view is View.CLOSED:
        return query.where(Contact.state == ContactState.CLOSED)
    query = query.where(Contact.state != ContactState.CLOSED)
    if view is View.MINE:
        return query.where(Contact.owner_id == actor.id)
    if view is View.DUE:
        return query.where(Contact.due_at < moment + timedelta(days=1))
    if view is View.OVERDUE:
        return query.where(Contact.due_at < moment)
    if view is View.DISPUTES:
        return query.where(Contact.kind == ContactKind.DISPUTE)
    if view is View.CALL:
        return query.where(
            Contact.phone_index.is_not(None),
            or_(Contact.owner_id == actor.id, Contact.owner_id.is_(None)),
            Contact.phone_index.not_in(select(DoNotContact.phone_index)),
        )
    return query


def _page(rows: list[Contact], limit: int, key: str) -> Page:
    more, rows = len(rows) > limit, rows[:limit]
    after = None
    if more:
        micros = (getattr(rows[-1], key) - _EPOCH) // timedelta(microseconds=1)
        after = f"{micros}.{rows[-1].id.hex}"
    return Page([_line(row) for row in rows], after)


def _line(row: Contact, *, clear: bool = False) -> Line:
    name, phone = row.name or "", row.phone or ""
    return Line(
        id=row.id,
        channel=row.channel,
        direction=row.direction,
        kind=row.kind,
        state=row.state,
        name=name if clear else mask_name(name),
        phone=phone if clear or not phone else mask_phone(phone),
        at=row.at,
        due_at=row.due_at,
        overdue=row.state is not ContactState.CLOSED and row.due_at < clock.now(),
        owner_id=row.owner_id,
        outcome=row.outcome,
        feedback_at=row.feedback_at,
    )


def _read_cursor(text: str | None) -> tuple[datetime, uuid.UUID] | None:
    micros, _, contact_id = (text or "").partition(".")
    try:
        return _EPOCH + timedelta(microseconds=int(micros)), uuid.UUID(hex=contact_id)
    except (ValueError, OverflowError):
        return None


# --- one entry -------------------------------------------------------------------------------


def show(
    session: Session,
    settings: Settings,
    actor: Actor,
    contact_id: uuid.UUID,
    *,
    reason: str | None = None,
) -> Shown:
    """Return one entry: in clear with a standing grant, on record, with its *reason* if any.

    Raises `ContactUnknown`, `NotGranted` for a *reason* without a grant (S-091), and `NotNow` when
    the reason is to call somebody who must not be.
    """
    with transaction(session):
        if reason is not None:
            require_grant(session, actor.id, Scenario.CONTACTS)
        row = load(session, contact_id)
        out = row.phone_index is not None and barred(session, bytes(row.phone_index))
        if reason == "call" and (out or not may_call(settings, clock.now())):
            raise NotNow
        if reason is not None:
            require_grant(session, actor.id, Scenario.CONTACTS)
        clear = reason is not None
        if clear:
            record(
                session, actor, "contacts.revealed", "contact", contact_id, reason=reason,
                **own_name(session, actor.id, row.name),
            )  # fmt: skip
        notes = session.scalars(
            select(ContactNote).where(ContactNote.contact_id == row.id).order_by(ContactNote.id)
        )
        recordings = session.scalars(
            select(Recording).where(Recording.contact_id == row.id).order_by(Recording.id)
        )
        return Shown(
            line=_line(row, clear=clear),
            masked=not clear,
            note=row.note if clear else None,
            reply_to=row.reply_to if clear else None,
            outcome_note=row.outcome_note if clear else None,
            notes=[Note(one.at, one.author_id, one.note if clear else None) for one in notes],
            lead_id=row.lead_id,
            account_id=row.account_id,
            registration_id=row.registration_id,
            consent=row.recording_consent,
            recordings=list(recordings),
            feedback_channel=row.feedback_channel,
            barred=out,
            closed_at=row.closed_at,
            delete_after=row.delete_after,
        )


# --- a person --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """Whom a number belongs to: leads, an account, and how many entries name it."""

    leads: list[uuid.UUID]
    account_id: uuid.UUID | None
    lines: list[Line]


def search(session: Session, actor: Actor, phone: str) -> Found:
    """Find by a number's blind index; *phone* is E.164. The search itself is on record (S-023)."""
    index = leads.phone_index(phone)
    lead_ids = list(
        session.scalars(
            select(Lead.id)
            .where(Lead.phone_index == index, Lead.delete_after > clock.now())
            .order_by(Lead.id.desc())
            .limit(10)
        )
    )
    account_id = session.scalar(
        select(Account.id).where(
            Account.login_index == login_index(Realm.PUBLIC, phone),
            Account.realm == Realm.PUBLIC,
            Account.status != AccountStatus.CLOSED,
        )
    )
    rows = list(
        session.scalars(
            _of_person(index, lead_ids, account_id)
            .order_by(Contact.at.desc(), Contact.id.desc())
            .limit(PAGE)
        )
    )
    with transaction(session):
        record(
            session, actor, "contacts.searched", "contact",
            ids=[row.id for row in rows], lead_ids=lead_ids, account_id=account_id,
        )  # fmt: skip
    return Found(lead_ids, account_id, [_line(row) for row in rows])


def _of_person(
    index: bytes | None, lead_ids: list[uuid.UUID], account_id: uuid.UUID | None
) -> Select[Contact]:
    """Everything of one person, whatever it was bound to when it was written down."""
    which = []
    if index is not None:
        which.append(Contact.phone_index == index)
    if lead_ids:
        which.append(Contact.lead_id.in_(lead_ids))
    if account_id is not None:
        which.append(Contact.account_id == account_id)
    return select(Contact).where(or_(*which), in_period())


def history(
    session: Session,
    *,
    lead_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """Return a person's entries across lead, account and number, the latest first.

    Raises `ContactUnknown` when there is no such lead or account.
    """
    index: bytes | None = None
    lead_ids: list[uuid.UUID] = []
    if lead_id is not None:
        lead = session.get(Lead, lead_id)
        if lead is None:
            raise ContactUnknown
        index, account_id = bytes(lead.phone_index), lead.account_id
        # With what was merged into it, under whatever number that came.
        of_it = or_(Lead.phone_index == index, Lead.duplicate_of == lead_id)
        lead_ids = list(session.scalars(select(Lead.id).where(of_it).limit(PAGE)))
    elif account_id is not None:
        account = session.get(Account, account_id)
        if account is None or account.realm is not Realm.PUBLIC:
            raise ContactUnknown
        index = leads.phone_index(account.login) if account.login.startswith("+") else None
        bound = Lead.account_id == account_id
        lead_ids = list(session.scalars(select(Lead.id).where(bound)))
    query = _of_person(index, lead_ids, account_id)
    if (place := _read_cursor(after)) is not None:
        query = query.where(tuple_(Contact.at, Contact.id) < place)
    order = (Contact.at.desc(), Contact.id.desc())
    rows = list(session.scalars(query.order_by(*order).limit(limit + 1)))
    return _page(rows, limit, "at")
