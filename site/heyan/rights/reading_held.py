"""The queries behind `heyan.rights.holdings`: what is held about an account, table by table."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session

from heyan.accounts.models import (
    Account,
    LoginSession,
    Passkey,
    RecoveryCode,
    SignIn,
    TotpFactor,
    TrustedDevice,
)
from heyan.audit.models import AuditEntry
from heyan.consent.models import ConsentRecord
from heyan.contacts.models import Contact, Recording
from heyan.decisions.models import Decision
from heyan.documents.models import CustodyEvent, CustodyReceipt, Document
from heyan.events.models import Event, EventField
from heyan.leads.models import Lead
from heyan.notifications.models import Message, Notice, Reach
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.releases.models import Release, ReleaseItem
from heyan.rights.models import AccessCopy, RightsParty, RightsRequest
from heyan.safety.models import SafetyFlag, SafetySubject
from heyan.students.models import Student

Rows = Iterable[Sequence[Any]]


def _own(account_id: uuid.UUID) -> Any:
    return select(Registration.id).where(Registration.account_id == account_id)


def _documents(account_id: uuid.UUID) -> Any:
    return select(Document.id).where(Document.registration_id.in_(_own(account_id)))


def account(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Account.login, Account.name, Account.created_at, Account.last_seen_at,
            Account.password_changed_at, Account.status,
        ).where(Account.id == account_id)
    )  # fmt: skip


def credentials(session: Session, account_id: uuid.UUID) -> Iterator[tuple[Any, ...]]:
    """Return the rows of the part of this name."""
    password = session.scalar(select(Account.password_hash).where(Account.id == account_id))
    yield ("password", bool(password), None)
    for confirmed in session.scalars(
        select(TotpFactor.confirmed_at).where(TotpFactor.account_id == account_id)
    ):
        yield ("totp", True, confirmed)
    for used in session.scalars(
        select(RecoveryCode.used_at).where(RecoveryCode.account_id == account_id)
    ):
        yield ("recovery_code", used is None, used)
    for key in session.scalars(select(Passkey).where(Passkey.account_id == account_id)):
        yield ("passkey", key.blocked_at is None, key.created_at)
    for since in session.scalars(
        select(Reach.second_factor_at).where(
            Reach.account_id == account_id, Reach.second_factor_at.is_not(None)
        )
    ):
        yield ("sms", True, since)


def sign_ins(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(SignIn.at, SignIn.outcome, SignIn.new_device, SignIn.source, SignIn.user_agent)
        .where(SignIn.account_id == account_id)
        .order_by(SignIn.at.desc())
    )


def sessions(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            LoginSession.created_at, LoginSession.last_seen_at, LoginSession.revoked_at,
            LoginSession.source, LoginSession.user_agent,
        )
        .where(LoginSession.account_id == account_id)
        .order_by(LoginSession.created_at.desc())
    )  # fmt: skip


def devices(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(TrustedDevice.created_at, TrustedDevice.expires_at, TrustedDevice.revoked_at)
        .where(TrustedDevice.account_id == account_id)
        .order_by(TrustedDevice.created_at.desc())
    )


def students(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Student.name, Student.birth_date, Student.relation, Student.created_at,
            Student.unbound_at,
        )
        .where(Student.account_id == account_id)
        .order_by(Student.created_at)
    )  # fmt: skip


def registrations(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Registration.number, Event.title, Organization.name, Student.name,
            Registration.status, Registration.created_at, Registration.submitted_at,
            Registration.withdrawn_at,
        )
        .join(Event, Event.id == Registration.event_id)
        .join(Organization, Organization.id == Event.organization_id)
        .join(Student, Student.id == Registration.student_id)
        .where(Registration.account_id == account_id)
        .order_by(Registration.created_at.desc())
    )  # fmt: skip


def answers(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(Registration.number, Event.title, EventField.label, RegistrationAnswer.value)
        .join(Registration, Registration.id == RegistrationAnswer.registration_id)
        .join(Event, Event.id == Registration.event_id)
        .outerjoin(
            EventField,
            (EventField.event_id == Event.id) & (EventField.key == RegistrationAnswer.field_key),
        )
        .where(Registration.account_id == account_id)
        .order_by(Registration.created_at.desc(), EventField.position)
    )


def numbers(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Registration.number, Event.title, Registration.id_number_tail,
            Registration.id_number_sha256,
        )
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.account_id == account_id, Registration.id_number_sealed.is_not(None)
        )
        .order_by(Registration.created_at.desc())
    )  # fmt: skip


def pictures(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Registration.number, Document.kind, Document.state, Document.received_at,
            Document.pages, Document.picture_bytes, Document.ciphertext_sha256,
            Document.destroy_due_at, Document.destroyed_at, cast(Document.id, String),
        )
        .join(Registration, Registration.id == Document.registration_id)
        .where(Registration.account_id == account_id)
        .order_by(Document.received_at.desc())
    )  # fmt: skip


def custody(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            cast(CustodyEvent.document_id, String), CustodyEvent.step, CustodyEvent.at,
            CustodyEvent.policy_version, CustodyReceipt.envelope,
        )
        .outerjoin(CustodyReceipt, CustodyReceipt.custody_event_id == CustodyEvent.id)
        .where(CustodyEvent.document_id.in_(_documents(account_id)))
        .order_by(CustodyEvent.at)
    )  # fmt: skip


def decisions(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            cast(Decision.document_id, String), Decision.outcome, Decision.reason_code,
            Decision.reason_text, Decision.published_at,
        )
        .where(Decision.document_id.in_(_documents(account_id)))
        .order_by(Decision.published_at.desc())
    )  # fmt: skip


def disclosures(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            cast(ReleaseItem.document_id, String), Organization.name, Organization.contact,
            Event.title, Release.number, Release.offered_at, Release.fetched_at,
            Release.acknowledged_at, Release.destroyed_at, Release.holder_destroyed_at,
        )
        .join(Release, Release.id == ReleaseItem.release_id)
        .join(Organization, Organization.id == Release.organization_id)
        .join(Event, Event.id == Release.event_id)
        .where(
            ReleaseItem.document_id.in_(_documents(account_id)), Release.offered_at.is_not(None)
        )
        .order_by(Release.offered_at.desc())
    )  # fmt: skip


def told(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Organization.name, Organization.contact, RightsParty.news, RightsParty.told_at,
            RightsParty.confirmed_at,
        )
        .join(Organization, Organization.id == RightsParty.organization_id)
        .where(RightsParty.account_id == account_id)
        .order_by(RightsParty.told_at.desc())
    )  # fmt: skip


def consents(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            ConsentRecord.purpose, ConsentRecord.granted, ConsentRecord.at,
            ConsentRecord.policy_version, ConsentRecord.text_shown, ConsentRecord.source,
            ConsentRecord.user_agent,
        )
        .where(ConsentRecord.account_id == account_id)
        .order_by(ConsentRecord.at.desc())
    )  # fmt: skip


def guardians(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(ConsentRecord.at, ConsentRecord.guardian)
        .where(ConsentRecord.account_id == account_id, ConsentRecord.guardian.is_not(None))
        .order_by(ConsentRecord.at.desc())
    )


def notices(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(Notice.kind, Notice.at, Notice.read_at)
        .where(Notice.account_id == account_id)
        .order_by(Notice.at.desc())
    )


def audit(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    mine = str(account_id)
    return session.execute(
        select(
            AuditEntry.at, AuditEntry.actor_kind, AuditEntry.action, AuditEntry.outcome,
            AuditEntry.subject_kind,
        )
        .where(
            or_(
                AuditEntry.actor_id == account_id,
                (AuditEntry.subject_kind == "account") & (AuditEntry.subject_id == mine),
            )
        )
        .order_by(AuditEntry.id.desc())
        .limit(20_000)
    )  # fmt: skip


def flags(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            SafetyFlag.raised_at, SafetyFlag.kind, SafetyFlag.state, Registration.number,
            SafetyFlag.decided_at, SafetySubject.held_at,
        )
        .join(SafetySubject, SafetySubject.flag_id == SafetyFlag.id)
        .outerjoin(Registration, Registration.id == SafetySubject.registration_id)
        .where(
            or_(
                SafetySubject.account_id == account_id,
                SafetySubject.registration_id.in_(_own(account_id)),
            )
        )
        .order_by(SafetyFlag.raised_at)
    )  # fmt: skip


def contacts(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Contact.at, Contact.channel, Contact.kind, Contact.state, Contact.name,
            Contact.phone, Contact.note, Contact.outcome, Contact.outcome_note,
        )
        .where(Contact.account_id == account_id)
        .order_by(Contact.at.desc())
    )  # fmt: skip


def recordings(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Recording.received_at, Recording.plain_bytes, Recording.state,
            Recording.destroy_due_at, Recording.destroyed_at,
        )
        .join(Contact, Contact.id == Recording.contact_id)
        .where(Contact.account_id == account_id)
        .order_by(Recording.received_at.desc())
    )  # fmt: skip


def leads(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Lead.created_at, Lead.name, Lead.phone, Lead.call_time, Lead.status,
            Lead.delete_after,
        )
        .where(Lead.account_id == account_id)
        .order_by(Lead.created_at.desc())
    )  # fmt: skip


def requests(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            RightsRequest.number, RightsRequest.kind, RightsRequest.channel,
            RightsRequest.state, RightsRequest.received_at, RightsRequest.due_at,
            RightsRequest.closed_at, RightsRequest.words, RightsRequest.answer,
        )
        .where(RightsRequest.account_id == account_id)
        .order_by(RightsRequest.received_at.desc())
    )  # fmt: skip


def proofs(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(RightsRequest.number, RightsRequest.check, RightsRequest.checked_at).where(
            RightsRequest.account_id == account_id, RightsRequest.proof.is_not(None)
        )
    )


def copies(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            AccessCopy.ordered_at, AccessCopy.state, AccessCopy.fetched_at, AccessCopy.expires_at
        )
        .where(AccessCopy.account_id == account_id)
        .order_by(AccessCopy.ordered_at.desc())
    )


def reaches(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(Reach.channel, Reach.address, Reach.verified_at).where(
            Reach.account_id == account_id
        )
    )


def messages(session: Session, account_id: uuid.UUID) -> Rows:
    """Return the rows of the part of this name."""
    return session.execute(
        select(
            Message.channel, Message.kind, Message.address, Message.state, Message.created_at,
            Message.ended_at,
        )
        .where(Message.account_id == account_id)
        .order_by(Message.created_at.desc())
    )  # fmt: skip
