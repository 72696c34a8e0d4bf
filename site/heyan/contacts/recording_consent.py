"""Consent to being recorded, and how long a recording is kept (A7, S-025, CONTROLS 5)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.classification import REGISTRY
from heyan.consent.purposes import CALL_RECORDING, PURPOSES
from heyan.consent.service import Evidence, grant, withdraw
from heyan.contacts.models import (
    Contact,
    ContactKind,
    Recording,
    RecordingConsent,
    RecordingState,
)
from heyan.jobs import Job, defer
from heyan.policies import promises

RECORDING_KEPT = timedelta(days=REGISTRY["contact.recording"].days or 0)
# CONTROLS section 5: a dispute, with its recordings, for three years after it was closed.
DISPUTE_KEPT = timedelta(days=3 * 365)
# Who refused is not asked again for so long (L-10, of the house).
NOT_ASKED = timedelta(days=180)
# How consent to recording may have been got (A7).
CONSENT_WAYS = ("announcement", "spoken", "written")


def settle(
    session: Session,
    actor: Actor,
    evidence: Evidence,
    row: Contact,
    consent: RecordingConsent,
    way: str,
) -> None:
    """Write what the person of a locked *row* said, in the caller's transaction (A7, S-025).

    A consent goes to the ledger, and so does one that is taken back; then every recording of the
    entry is destroyed at once.
    """
    before = row.recording_consent
    if consent is RecordingConsent.NOT_ASKED or way not in CONSENT_WAYS:
        raise ValueError("a consent is given or refused, in a way that is known")
    if consent is before:
        return
    row.recording_consent = consent
    words = str(PURPOSES[CALL_RECORDING].text)
    if consent is RecordingConsent.GIVEN:
        grant(
            session,
            CALL_RECORDING,
            evidence,
            text_shown=words,
            account_id=row.account_id,
            lead_id=row.lead_id,
            contact_id=row.id,
            details={"how": way, "taken_by": str(actor.id)},
        )
    elif before is RecordingConsent.GIVEN:
        withdraw(
            session,
            CALL_RECORDING,
            evidence,
            text_shown=words,
            account_id=row.account_id,
            lead_id=row.lead_id,
            contact_id=row.id,
        )
        _destroy(session, row)
    record(
        session, actor, "contacts.recording_consent", "contact", row.id,
        consent=consent.value, before=before.value, how=way,
        served_without_recording=consent is RecordingConsent.REFUSED,
    )  # fmt: skip


def not_asked_before(
    session: Session,
    *,
    account_id: uuid.UUID | None = None,
    lead_id: uuid.UUID | None = None,
    phone_index: bytes | None = None,
) -> datetime | None:
    """Return until when nobody asks this person to be recorded: they refused lately (L-10).

    A person may always say yes unasked.
    """
    known = (
        (Contact.account_id, account_id),
        (Contact.lead_id, lead_id),
        (Contact.phone_index, phone_index),
    )
    same = [column == value for column, value in known if value is not None]
    if not same:
        return None
    latest = session.execute(
        select(Contact.recording_consent, Contact.at)
        .where(or_(*same), Contact.recording_consent != RecordingConsent.NOT_ASKED)
        .order_by(Contact.at.desc(), Contact.id.desc())
        .limit(1)
    ).first()
    if latest is None or latest.recording_consent is not RecordingConsent.REFUSED:
        return None
    until: datetime = latest.at + NOT_ASKED
    return until if until > clock.now() else None


def of_whom(session: Session, contact_id: uuid.UUID) -> datetime | None:
    """Return the same for the person of an entry."""
    row = session.get_one(Contact, contact_id)
    index = bytes(row.phone_index) if row.phone_index is not None else None
    return not_asked_before(
        session, account_id=row.account_id, lead_id=row.lead_id, phone_index=index
    )


def _sealed(session: Session, row: Contact) -> list[Recording]:
    return list(
        session.scalars(
            select(Recording)
            .where(Recording.contact_id == row.id, Recording.state == RecordingState.SEALED)
            .with_for_update()
        )
    )


def _destroy(session: Session, row: Contact) -> None:
    for one in _sealed(session, row):
        one.destroy_due_at, one.destroy_reason = clock.now(), "withdrawn"
        defer(session, Job.DESTROY_RECORDING, lock=f"recording:{one.id}", recording_id=one.id)


def recording_due(
    session: Session, contact: Contact, received_at: datetime
) -> tuple[datetime, str]:
    """Return by when a recording of *contact* is destroyed, and why then.

    While a dispute is open the sweep passes its recordings over, whatever day stands here.
    """
    if contact.kind is not ContactKind.DISPUTE:
        return received_at + promises.kept(session, "contact.recording", received_at), "period"
    return (contact.closed_at or clock.now()) + DISPUTE_KEPT, "dispute"


def recordings_due(session: Session, row: Contact) -> None:
    """Give an entry's recordings their last day anew: it became a dispute, or is closed."""
    for one in _sealed(session, row):
        if one.destroy_reason != "withdrawn":
            one.destroy_due_at, one.destroy_reason = recording_due(session, row, one.received_at)
