"""One registration for staff: masked, then by grant (L2) and by request (L3); all on record."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Scenario
from heyan.accounts.models import Account
from heyan.approvals import requests
from heyan.approvals.grants import require_grant
from heyan.audit.service import Actor, record
from heyan.classification import mask_name, mask_phone
from heyan.consent.models import ConsentRecord
from heyan.db import transaction
from heyan.decisions.models import Decision, Outcome, ReasonCode
from heyan.documents.models import Document, DocumentState
from heyan.events.models import DocumentKind
from heyan.events.service import by_id
from heyan.events.wording import title_of
from heyan.oversight.names import own_name
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.students.models import Student
from heyan.students.service import age_on

ADULT = 18


class RecordUnknown(Exception):
    """There is no such registration."""


class NoApproval(Exception):
    """This person has no live approval that names the registration."""


@dataclass(frozen=True)
class DocumentLine:
    """A document as it is listed: that it is there, never what it shows."""

    id: uuid.UUID
    kind: DocumentKind
    state: DocumentState
    received_at: datetime
    there: bool


@dataclass(frozen=True)
class RecordLine:
    """A registration, masked."""

    id: uuid.UUID
    number: str
    event: str
    status: RegistrationStatus
    student: str
    phone: str
    minor: bool
    submitted_at: datetime | None
    documents: list[DocumentLine]


@dataclass(frozen=True)
class Contact:
    """What a grant opens (L2)."""

    student: str
    birth_date: str
    holder: str
    phone: str


@dataclass(frozen=True)
class Consent:
    """One entry of the ledger with its evidence (L3)."""

    purpose: str
    granted: bool
    at: datetime
    source: str
    user_agent: str
    text_shown: str
    guardian: dict[str, str]


@dataclass(frozen=True)
class Finding:
    """One decision and its reason (L3)."""

    kind: DocumentKind
    outcome: Outcome
    reason_code: ReasonCode | None
    reason_text: str
    published_at: datetime


@dataclass(frozen=True)
class Sensitive:
    """What an approved request opens, until *ends_at*."""

    consents: list[Consent]
    findings: list[Finding]
    number: str
    ends_at: datetime


def find(session: Session, actor: Actor, number: str) -> uuid.UUID:
    """Return the registration with *number*; raises `RecordUnknown`. The search is on record."""
    found = session.scalars(
        select(Registration.id).where(Registration.number == number.strip().upper())
    ).first()
    with transaction(session):
        record(session, actor, "records.search", "registration", found, found=found is not None)
    if found is None:
        raise RecordUnknown
    return found


def _load(session: Session, registration_id: uuid.UUID) -> tuple[Registration, Student, Account]:
    row = session.execute(
        select(Registration, Student, Account)
        .join(Student, Student.id == Registration.student_id)
        .join(Account, Account.id == Registration.account_id)
        .where(Registration.id == registration_id)
    ).first()
    if row is None:
        raise RecordUnknown
    return row[0], row[1], row[2]


def line(session: Session, registration_id: uuid.UUID) -> RecordLine:
    """Return a registration as all with the page see it: masked, a minor's no less (L-06)."""
    registration, student, account = _load(session, registration_id)
    event = by_id(session, registration.event_id)
    documents = session.scalars(
        select(Document)
        .where(Document.registration_id == registration_id)
        .order_by(Document.received_at)
        .limit(100)
    )
    return RecordLine(
        id=registration.id,
        number=registration.number or "",
        event=title_of(event) if event else "",
        status=registration.status,
        student=mask_name(student.name),
        phone=mask_phone(account.login),
        minor=_minor(student.birth_date),
        submitted_at=registration.submitted_at,
        documents=[
            DocumentLine(one.id, one.kind, one.state, one.received_at, one.destroyed_at is None)
            for one in documents
        ],
    )


def _minor(birth_date: str) -> bool:
    try:
        return age_on(birth_date, clock.local(clock.now()).date()) < ADULT
    except ValueError:
        return True


def reveal(session: Session, actor: Actor, registration_id: uuid.UUID, reason: str) -> Contact:
    """Return whose registration it is, with one audit entry; raises `NotGranted`."""
    with transaction(session):
        require_grant(session, actor.id, Scenario.REGISTRATIONS)
        _registration, student, account = _load(session, registration_id)
        record(
            session, actor, "records.revealed", "registration", registration_id, reason=reason,
            student_id=student.id, account_id=account.id,
            **own_name(session, actor.id, student.name, account.name),
        )  # fmt: skip
        return Contact(student.name, student.birth_date, account.name or "", account.login)


def sensitive(session: Session, actor: Actor, registration_id: uuid.UUID) -> Sensitive:
    """Return consent evidence and decisions while a request lives; each look is on record.

    Raises `NoApproval`.
    """
    registration, _student, _account = _load(session, registration_id)
    if actor.id is None:
        raise NoApproval
    request = requests.live(session, actor.id, "registration", registration_id)
    if request is None or request.ends_at is None:
        raise NoApproval
    with transaction(session):
        record(
            session, actor, "records.sensitive", "registration", registration_id,
            reason=request.purpose, request_id=request.id,
        )  # fmt: skip
        entries = session.scalars(
            select(ConsentRecord)
            .where(
                or_(
                    ConsentRecord.registration_id == registration_id,
                    (ConsentRecord.student_id == registration.student_id)
                    & ConsentRecord.registration_id.is_(None),
                )
            )
            .order_by(ConsentRecord.at.desc())
            .limit(100)
        ).all()
        findings = session.execute(
            select(Decision, Document.kind)
            .join(Document, Document.id == Decision.document_id)
            .where(Document.registration_id == registration_id)
            .order_by(Decision.published_at.desc())
            .limit(100)
        ).all()
    return Sensitive(
        consents=[
            Consent(
                one.purpose, one.granted, one.at, one.source, one.user_agent, one.text_shown,
                json.loads(one.guardian) if one.guardian else {},
            )
            for one in entries
        ],
        findings=[
            Finding(kind, one.outcome, one.reason_code, one.reason_text, one.published_at)
            for one, kind in findings
        ],
        number=requests.number_of(request.id),
        ends_at=request.ends_at,
    )  # fmt: skip
