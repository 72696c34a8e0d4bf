"""The verbs of the contact log: write down, add to, hand on, close, tell the result.

Who reads what stands in `heyan.contacts.reading`, recordings in `heyan.contacts.recordings`.
Changes are single conditional updates or hold the entry's lock, so that two colleagues who act at
once never both succeed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Account
from heyan.audit.service import Actor, record
from heyan.consent.service import Evidence
from heyan.contacts.models import (
    Contact,
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactNote,
    ContactOutcome,
    ContactState,
    RecordingConsent,
)
from heyan.contacts.recording_consent import CONSENT_WAYS, DISPUTE_KEPT, recordings_due, settle
from heyan.contacts.states import WrongTurn, move
from heyan.db import transaction, uuid7
from heyan.leads import service as leads
from heyan.leads.hours import due_after, may_call
from heyan.leads.models import DoNotContact, Lead
from heyan.policies import promises
from heyan.registrations.models import Registration
from heyan.settings import Settings


class ContactUnknown(Exception):
    """There is no such entry, lead, account or registration."""


class Changed(Exception):
    """Somebody else closed or handed it on since the page was made."""


class OutcomeMissing(Exception):
    """An entry is not closed without saying how it ended (S-024)."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is written down. Either a lead or an account, or neither; ``due_at`` None: by rule."""

    channel: ContactChannel
    direction: ContactDirection
    kind: ContactKind
    note: str
    name: str = ""
    phone: str = ""
    reply_to: str = ""
    lead_id: uuid.UUID | None = None
    account_id: uuid.UUID | None = None
    registration_number: str = ""
    owner_id: uuid.UUID | None = None
    at: datetime | None = None
    due_at: datetime | None = None
    consent: RecordingConsent = RecordingConsent.NOT_ASKED
    consent_way: str = "spoken"


def write_down(
    session: Session, settings: Settings, actor: Actor, evidence: Evidence, entry: Entry
) -> uuid.UUID:
    """Put an entry into the log and return its id (D1, S-022).

    A registration's number binds it to that registration and its account. Raises
    `ContactUnknown` when what it is to be bound to is not there.
    """
    moment = clock.now()
    with transaction(session):
        lead = session.get(Lead, entry.lead_id) if entry.lead_id else None
        registration = _registration(session, entry.registration_number)
        account_id = registration.account_id if registration else entry.account_id
        if (entry.lead_id and lead is None) or (
            account_id and session.get(Account, account_id) is None
        ):
            raise ContactUnknown
        phone = entry.phone or (lead.phone if lead else "")
        index = leads.phone_index(phone) if phone else None
        row = Contact(
            id=uuid7(),
            channel=entry.channel,
            direction=entry.direction,
            kind=entry.kind,
            state=ContactState.OPEN,
            at=min(entry.at or moment, moment),
            # Who has an account is known by that from now on.
            lead_id=None if account_id else entry.lead_id,
            account_id=account_id,
            registration_id=registration.id if registration else None,
            name=entry.name or (lead.name if lead else None),
            phone=phone or None,
            phone_index=index,
            reply_to=entry.reply_to or None,
            note=entry.note,
            recording_consent=RecordingConsent.NOT_ASKED,
            owner_id=entry.owner_id or actor.id,
            due_at=entry.due_at or due_after(settings, moment),
            created_by=actor.id,
            created_at=moment,
            updated_at=moment,
            delete_after=moment + _kept(session, entry.kind, moment),
        )
        session.add(row)
        session.flush()
        outgoing = entry.direction is ContactDirection.OUTGOING
        record(
            session,
            actor,
            "contacts.written",
            "contact",
            row.id,
            channel=entry.channel.value,
            direction=entry.direction.value,
            kind=entry.kind.value,
            lead_id=row.lead_id,
            account_id=row.account_id,
            registration_id=row.registration_id,
            # Said, not hidden: somebody was called who had asked not to be (S-019, L-39).
            against_wish=outgoing and index is not None and barred(session, index),
        )
        if entry.consent is not RecordingConsent.NOT_ASKED:
            settle(session, actor, evidence, row, entry.consent, entry.consent_way)
        return row.id


def _registration(session: Session, number: str) -> Registration | None:
    if not number:
        return None
    found = session.scalars(select(Registration).where(Registration.number == number)).first()
    if found is None:
        raise ContactUnknown
    return found


def barred(session: Session, phone_index: bytes) -> bool:
    """Tell whether a number asked not to be called."""
    return session.get(DoNotContact, phone_index) is not None


def in_period() -> ColumnElement[bool]:
    """Return the condition for entries that staff may work with.

    What is there only because an authority ordered it kept is invisible to them (S-055).
    """
    disputed = (Contact.kind == ContactKind.DISPUTE) & (Contact.state != ContactState.CLOSED)
    return or_(Contact.delete_after > clock.now(), disputed)


def load(session: Session, contact_id: uuid.UUID, *, lock: bool = False) -> Contact:
    """Return an entry, with *lock* held until the transaction ends; raises `ContactUnknown`."""
    found = session.get(Contact, contact_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise ContactUnknown
    over = found.delete_after <= clock.now()
    if over and (found.kind is not ContactKind.DISPUTE or found.state is ContactState.CLOSED):
        raise ContactUnknown
    return found


def _open(session: Session, contact_id: uuid.UUID) -> Contact:
    row = load(session, contact_id, lock=True)
    if row.state is ContactState.CLOSED:
        raise Changed
    row.updated_at = clock.now()
    row.delete_after = row.updated_at + _kept(session, row.kind, row.created_at)
    return row


def _kept(session: Session, kind: ContactKind, written_at: datetime) -> timedelta:
    if kind is ContactKind.DISPUTE:
        return DISPUTE_KEPT
    return promises.kept(session, "contact.log", written_at)


def follow_up(
    session: Session,
    actor: Actor,
    contact_id: uuid.UUID,
    *,
    note: str,
    kind: ContactKind,
    waiting: bool,
    owner_id: uuid.UUID | None,
    due_at: datetime,
    expected_owner: uuid.UUID | None,
) -> None:
    """Add to an entry: what was done, what it is by now, who goes on with it until when.

    *expected_owner* is who had it when the page was made. Raises `Changed` when it was handed on
    or closed meanwhile.
    """
    with transaction(session):
        row = _open(session, contact_id)
        if row.owner_id != expected_owner:
            raise Changed
        before = row.kind
        row.state = move(row.state, ContactState.WAITING if waiting else ContactState.OPEN)
        row.owner_id, row.due_at = owner_id, due_at
        if kind is not before:
            row.kind = kind
            row.delete_after = row.updated_at + _kept(session, kind, row.created_at)
            recordings_due(session, row)
        if note:
            session.add(
                ContactNote(contact_id=row.id, author_id=actor.id, at=row.updated_at, note=note)
            )
        record(
            session,
            actor,
            "contacts.followed_up",
            "contact",
            contact_id,
            state=row.state.value,
            kind=kind.value,
            before=before.value,
            owner=owner_id,
        )


def close(
    session: Session,
    actor: Actor,
    contact_id: uuid.UUID,
    outcome: ContactOutcome | None,
    note: str,
) -> None:
    """Close an entry with its outcome; a dispute is kept for three years from now (S-024).

    Raises `OutcomeMissing` without one, `Changed` when it was closed meanwhile.
    """
    if outcome is None:
        raise OutcomeMissing
    with transaction(session):
        row = _open(session, contact_id)
        row.state = move(row.state, ContactState.CLOSED)
        row.outcome, row.outcome_note = outcome, note or None
        row.closed_at = row.updated_at
        recordings_due(session, row)
        record(
            session, actor, "contacts.closed", "contact", contact_id,
            outcome=outcome.value, kind=row.kind.value,
        )  # fmt: skip


def feedback_sent(
    session: Session, actor: Actor, contact_id: uuid.UUID, channel: ContactChannel
) -> None:
    """Write that the result was told to the person, now (S-024); once: raises `Changed` after."""
    with transaction(session):
        row = load(session, contact_id, lock=True)
        if row.feedback_at is not None:
            raise Changed
        row.feedback_at, row.feedback_channel = clock.now(), channel
        record(
            session, actor, "contacts.feedback_sent", "contact", contact_id, channel=channel.value
        )


def do_not_contact(session: Session, actor: Actor, contact_id: uuid.UUID) -> None:
    """Keep the entry's number out of every list of calls from now on (S-019)."""
    with transaction(session):
        row = load(session, contact_id, lock=True)
        if row.phone_index is None:
            raise ContactUnknown
        leads.keep_out(session, bytes(row.phone_index))
        record(session, actor, "contacts.do_not_contact", "contact", contact_id)


def settle_consent(
    session: Session,
    actor: Actor,
    evidence: Evidence,
    contact_id: uuid.UUID,
    consent: RecordingConsent,
    way: str,
) -> None:
    """Write what the person said to being recorded (A7, S-025); see `recording_consent.settle`."""
    with transaction(session):
        row = load(session, contact_id, lock=True)
        settle(session, actor, evidence, row, consent, way)


# --- for other features ----------------------------------------------------------------------


def disputed(session: Session, registration_id: uuid.UUID) -> bool:
    """Tell whether a dispute about a registration is open: its documents' clocks stand (H2)."""
    found = session.scalar(
        select(Contact.id)
        .where(
            Contact.registration_id == registration_id,
            Contact.kind == ContactKind.DISPUTE,
            Contact.state != ContactState.CLOSED,
        )
        .limit(1)
    )
    return found is not None


def waiting(session: Session, account_id: uuid.UUID) -> tuple[int, int, int]:
    """Return how many entries are *account_id*'s or nobody's, how many overdue, open disputes."""
    mine = Contact.owner_id.is_(None) | (Contact.owner_id == account_id)
    live = Contact.state != ContactState.CLOSED
    row = session.execute(
        select(func.count(), func.count().filter(Contact.due_at < clock.now())).where(live, mine)
    ).one()
    disputes = session.scalar(select(func.count()).where(live, Contact.kind == ContactKind.DISPUTE))
    return int(row[0]), int(row[1]), int(disputes or 0)


__all__ = [
    "CONSENT_WAYS",
    "Changed",
    "ContactUnknown",
    "Entry",
    "OutcomeMissing",
    "WrongTurn",
    "barred",
    "close",
    "disputed",
    "do_not_contact",
    "feedback_sent",
    "follow_up",
    "load",
    "may_call",
    "settle_consent",
    "waiting",
    "write_down",
]
