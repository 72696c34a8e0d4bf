"""The verbs of a draft registration, and the status that follows from decisions.

Submitting and withdrawing stand in `registrations.submission`. Locks are always taken in the
order event, documents, registration, so that two verbs never wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload, selectinload

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT, GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.consent.service import Evidence
from heyan.custody.sealing import SealContext, VaultPublicKey, seal
from heyan.db import transaction
from heyan.documents.models import DocumentState
from heyan.documents.store import current_documents
from heyan.events import editing
from heyan.events.models import Event, EventDocumentKind, EventStatus
from heyan.notifications.service import notify
from heyan.registrations import wording
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.registrations.states import move
from heyan.students.models import Student
from heyan.students.service import load as load_student
from heyan.students.service import needs_guardian

ID_NUMBER = "id_number"


class RegistrationUnknown(Exception):
    """No such registration of this account."""


class EventUnknown(Exception):
    """No such event, or it is not published."""


class WindowClosed(Exception):
    """The event does not take registrations now; ``opens_at`` is set when it will later."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.slug)
        self.event = event
        self.opens_at = event.opens_at if clock.now() < event.opens_at else None


class NotADraft(Exception):
    """The registration was submitted or withdrawn: its answers stand."""


def in_window(event: Event, moment: datetime) -> bool:
    """Tell whether *event* takes registrations at *moment*."""
    return event.status is EventStatus.PUBLISHED and event.opens_at <= moment < event.closes_at


def _with_all() -> list[object]:
    event = joinedload(Registration.event)
    return [
        event.joinedload(Event.organization),
        event.selectinload(Event.fields),
        event.selectinload(Event.document_kinds),
        joinedload(Registration.student),
    ]


def load(session: Session, account_id: uuid.UUID, registration_id: uuid.UUID) -> Registration:
    """Return one of the account's registrations with event and student.

    Raises `RegistrationUnknown`, for another account's too.
    """
    found = session.scalars(
        select(Registration)
        .where(Registration.id == registration_id, Registration.account_id == account_id)
        .options(*_with_all())  # type: ignore[arg-type]
    ).first()
    if found is None:
        raise RegistrationUnknown
    return found


def list_registrations(session: Session, account_id: uuid.UUID) -> list[Registration]:
    """Return the account's latest registrations (100 at most), the newest first."""
    return list(
        session.scalars(
            select(Registration)
            .where(Registration.account_id == account_id)
            .options(*_with_all())  # type: ignore[arg-type]
            .order_by(Registration.created_at.desc(), Registration.id.desc())
            .limit(100)
        )
    )


def open_event(session: Session, slug: str) -> Event:
    """Return a published event by its address; raises `EventUnknown`."""
    found = session.scalars(
        select(Event)
        .where(Event.slug == slug, Event.status != EventStatus.DRAFT)
        .options(
            joinedload(Event.organization),
            selectinload(Event.fields),
            selectinload(Event.document_kinds),
        )
    ).first()
    if found is None:
        raise EventUnknown
    return found


def can_seal(session: Session, event: Event) -> bool:
    """Tell whether what *event* asks for can be sealed: its key is there, or it asks for none."""
    return not event.document_kinds or editing.has_vault_key(session, event.id)


def start(
    session: Session, actor: Actor, account_id: uuid.UUID, slug: str, student_id: uuid.UUID
) -> Registration:
    """Open a draft for a student, or return the one there is.

    Raises `EventUnknown`, `WindowClosed`, `students.service.StudentUnknown`, `ConsentMissing`.
    """
    with transaction(session):
        consents.require(session, ACCOUNT, account_id=account_id)
        event = open_event(session, slug)
        student = load_student(session, account_id, student_id)
        session.execute(select(Student.id).where(Student.id == student.id).with_for_update())
        found = session.scalars(
            select(Registration).where(
                Registration.event_id == event.id,
                Registration.student_id == student.id,
                Registration.status != RegistrationStatus.WITHDRAWN,
            )
        ).first()
        if found is not None:
            return found
        # Nothing can be sealed before the worker has made and signed the event's key.
        if not in_window(event, clock.now()) or not can_seal(session, event):
            raise WindowClosed(event)
        registration = Registration(
            event_id=event.id,
            account_id=account_id,
            student_id=student.id,
            status=RegistrationStatus.DRAFT,
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        session.add(registration)
        session.flush()
        record(
            session, actor, "registrations.start", "registration", registration.id,
            event_id=event.id,
        )  # fmt: skip
        return registration


def lock(session: Session, registration: Registration) -> RegistrationStatus:
    """Hold the registration's row until the transaction ends; returns its present status."""
    status = session.scalar(
        select(Registration.status)
        .where(Registration.id == registration.id)
        .with_for_update(key_share=True)
    )
    if status is None:
        raise RegistrationUnknown
    registration.status = status
    return status


def _hold_draft(session: Session, registration: Registration) -> None:
    if lock(session, registration) is not RegistrationStatus.DRAFT:
        raise NotADraft
    consents.require(session, ACCOUNT, account_id=registration.account_id)
    if not in_window(registration.event, clock.now()):
        raise WindowClosed(registration.event)
    registration.updated_at = clock.now()


def save_answers(
    session: Session, actor: Actor, registration: Registration, answers: Mapping[str, str]
) -> None:
    """Save the answers to the event's own questions; keys it does not ask are dropped (S-012).

    Raises `NotADraft`, `WindowClosed`.
    """
    with transaction(session):
        _hold_draft(session, registration)
        asked = [item.key for item in registration.event.fields]
        session.execute(
            delete(RegistrationAnswer).where(RegistrationAnswer.registration_id == registration.id)
        )
        session.add_all(
            RegistrationAnswer(
                registration_id=registration.id, field_key=key, value=answers.get(key, "")
            )
            for key in asked
        )
        record(
            session, actor, "registrations.answer", "registration", registration.id,
            count=len(asked),
        )  # fmt: skip


def save_guardian(
    session: Session,
    actor: Actor,
    registration: Registration,
    evidence: Evidence,
    *,
    name: str,
    relation: str,
    phone: str,
    text_shown: str,
) -> None:
    """Record the guardian's own consent for a student under 14 (A7). Raises as `save_answers`."""
    with transaction(session):
        _hold_draft(session, registration)
        consents.grant(
            session,
            GUARDIAN,
            evidence,
            text_shown=text_shown,
            account_id=registration.account_id,
            student_id=registration.student_id,
            registration_id=registration.id,
            guardian={"name": name, "relation": relation, "phone": phone},
        )
        record(session, actor, "consent.grant", "registration", registration.id, purpose=GUARDIAN)


def save_consents(
    session: Session, actor: Actor, registration: Registration, evidence: Evidence
) -> None:
    """Record both separate consents, each with its own text. Raises `NotADraft` when withdrawn.

    Also open after submission, since a renamed organizer asks again.
    """
    with transaction(session):
        if lock(session, registration) is RegistrationStatus.WITHDRAWN:
            raise NotADraft
        consents.require(session, ACCOUNT, account_id=registration.account_id)
        event = registration.event
        given_by = "guardian" if needs_guardian(registration.student) else "holder"
        organization = {
            "organization_id": str(event.organization.id),
            "organization_version": event.organization.version,
            "event_id": str(event.id),
        }
        for purpose, text, details in (
            (IDENTITY_DOCUMENTS, wording.identity_text(event), {"event_id": str(event.id)}),
            (HAND_OVER, wording.hand_over_text(event), organization),
        ):
            consents.grant(
                session,
                purpose,
                evidence,
                text_shown=text,
                account_id=registration.account_id,
                student_id=registration.student_id,
                registration_id=registration.id,
                details={**details, "given_by": given_by},
            )
            record(
                session, actor, "consent.grant", "registration", registration.id, purpose=purpose
            )


def save_id_number(
    session: Session, actor: Actor, registration: Registration, key: VaultPublicKey, number: str
) -> None:
    """Seal a checked number to the event's vault *key*; only its last four characters stay.

    The consent to process identity documents covers the number too and comes first: raises
    `ConsentMissing`, `NotADraft`, `WindowClosed`.
    """
    with transaction(session):
        _hold_draft(session, registration)
        consents.require(
            session,
            IDENTITY_DOCUMENTS,
            account_id=registration.account_id,
            registration_id=registration.id,
        )
        context = SealContext(
            event_id=registration.event_id,
            registration_id=registration.id,
            document_id=registration.id,
            kind=ID_NUMBER,
        )
        sealed = seal(number.encode(), key, context)
        registration.id_number_sealed = sealed.ciphertext
        registration.id_number_sha256 = sealed.sha256
        registration.id_number_commitment = sealed.commitment
        registration.id_number_key_id = key.key_id
        registration.id_number_tail = number[-4:]
        record(
            session, actor, "registrations.seal_number", "registration", registration.id,
            key_id=key.key_id,
        )  # fmt: skip


def refresh_status(session: Session, registration_id: uuid.UUID) -> None:
    """Bring the status in line with the documents, in the caller's transaction.

    Returned when any document was returned; verified when every required one was accepted and
    none is still open; else submitted. The caller holds the documents' locks.
    """
    with transaction(session):
        registration = session.scalars(
            select(Registration)
            .where(Registration.id == registration_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        ).one()
        status = RegistrationStatus
        if registration.status not in (status.SUBMITTED, status.RETURNED):
            return
        found = {doc.kind: doc.state for doc in current_documents(session, registration_id)}
        required = set(
            session.scalars(
                select(EventDocumentKind.kind).where(
                    EventDocumentKind.event_id == registration.event_id,
                    EventDocumentKind.required.is_(True),
                )
            )
        )
        states = set(found.values())
        if DocumentState.RETURNED in states:
            target = status.RETURNED
        elif required <= found.keys() and states == {DocumentState.ACCEPTED}:
            target = status.VERIFIED
        else:
            target = status.SUBMITTED
        if target is registration.status:
            return
        registration.status = move(registration.status, target)
        registration.updated_at = clock.now()
        session.flush()
        if target is status.VERIFIED:
            notify(
                session,
                registration.account_id,
                "registration_verified",
                registration_id=registration.id,
            )
