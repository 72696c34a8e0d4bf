"""The steps of an enrolment: which a registration has, which are done, which comes next."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.consent import service as consents
from heyan.consent.models import ConsentRecord
from heyan.consent.purposes import GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.documents.models import Document, DocumentState
from heyan.documents.store import current_documents
from heyan.events.models import DocumentKind, Event
from heyan.registrations.idnumbers import NumberKind
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.students.service import needs_guardian

ON_ID_CARD = {
    DocumentKind.ID_CARD_FRONT,
    DocumentKind.ID_CARD_BACK,
    DocumentKind.HOUSEHOLD_PAGE,
}


class Step(enum.Enum):
    """One page of the enrolment; the value is the last part of its address."""

    FIELDS = "fields"
    GUARDIAN = "guardian"
    CONSENTS = "consents"
    IDENTITY = "identity"
    DOCUMENTS = "documents"
    CHECK = "check"


@dataclass
class Progress:
    """Where a registration stands."""

    steps: list[Step] = field(default_factory=list)
    done: set[Step] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    documents: dict[DocumentKind, Document] = field(default_factory=dict)

    @property
    def next(self) -> Step:
        """The first step that is not done; the last page when all are."""
        return next((step for step in self.steps if step not in self.done), Step.CHECK)

    @property
    def complete(self) -> bool:
        """Whether everything that the event asks for is there."""
        return all(step in self.done for step in self.steps if step is not Step.CHECK)

    @property
    def consent_ended(self) -> bool:
        """Whether documents that nobody has got yet wait for a new consent."""
        held = (DocumentState.SEALED, DocumentState.RETURNED)
        asked = Step.CONSENTS in self.steps and Step.CONSENTS not in self.done
        return asked and any(one.state in held for one in self.documents.values())


def number_kinds(event: Event) -> list[NumberKind]:
    """Return the documents whose number the event needs; none when it asks for no such document."""
    asked = {spec.kind for spec in event.document_kinds}
    kinds = []
    if asked & ON_ID_CARD:
        kinds.append(NumberKind.ID_CARD)
    if DocumentKind.PASSPORT in asked:
        kinds.append(NumberKind.PASSPORT)
    if DocumentKind.TRAVEL_PERMIT in asked:
        kinds.append(NumberKind.TRAVEL_PERMIT)
    return kinds


def standing_consent(
    session: Session, registration: Registration, purpose: str
) -> ConsentRecord | None:
    """Return the consent that covers *purpose* for this registration now, or None.

    One to hand over holds for the organizer as it was named then (S-006); one that a guardian
    gave ends on the student's fourteenth birthday (L-04).
    """
    found = consents.standing(
        session,
        purpose,
        account_id=registration.account_id,
        registration_id=registration.id,
    )
    return found if found is not None and still_covers(found, registration) else None


def still_covers(found: ConsentRecord | consents.Standing, registration: Registration) -> bool:
    """Tell whether a consent that was not withdrawn covers the registration as things are now.

    The registration comes with its student, event and organization.
    """
    organization = registration.event.organization
    if found.purpose == HAND_OVER and (
        found.details.get("organization_id") != str(organization.id)
        or found.details.get("organization_version") != organization.version
    ):
        return False
    by_guardian = found.details.get("given_by") == "guardian"
    return not by_guardian or needs_guardian(registration.student)


def needed_consents(registration: Registration) -> list[str]:
    """Return the purposes that must be agreed to before documents are handed over (A7)."""
    needed = [IDENTITY_DOCUMENTS, HAND_OVER]
    if needs_guardian(registration.student):
        needed.insert(0, GUARDIAN)
    return needed


def require_consents(session: Session, registration: Registration) -> None:
    """Raise `ConsentMissing` unless documents may be processed and handed over (A7)."""
    for purpose in needed_consents(registration):
        if standing_consent(session, registration, purpose) is None:
            raise consents.ConsentMissing(purpose)


def answers_of(session: Session, registration: Registration) -> dict[str, str]:
    """Return the saved answers by field key."""
    rows = session.scalars(
        select(RegistrationAnswer).where(RegistrationAnswer.registration_id == registration.id)
    )
    return {row.field_key: row.value for row in rows}


def progress_of(session: Session, registration: Registration) -> Progress:
    """Work out the steps; the registration comes from `registrations.service.load`."""
    event = registration.event
    found = Progress(
        answers=answers_of(session, registration),
        documents={doc.kind: doc for doc in current_documents(session, registration.id)},
    )
    if event.fields:
        found.steps.append(Step.FIELDS)
        needed = {item.key for item in event.fields if item.required}
        # Saved once, even when every question is optional and was left empty.
        if event.fields[0].key in found.answers and all(found.answers.get(key) for key in needed):
            found.done.add(Step.FIELDS)
    if needs_guardian(registration.student):
        found.steps.append(Step.GUARDIAN)
        if standing_consent(session, registration, GUARDIAN):
            found.done.add(Step.GUARDIAN)
    if event.document_kinds:
        found.steps.append(Step.CONSENTS)
        if all(
            standing_consent(session, registration, purpose)
            for purpose in (IDENTITY_DOCUMENTS, HAND_OVER)
        ):
            found.done.add(Step.CONSENTS)
    if number_kinds(event):
        found.steps.append(Step.IDENTITY)
        if registration.id_number_sealed is not None:
            found.done.add(Step.IDENTITY)
    if event.document_kinds:
        found.steps.append(Step.DOCUMENTS)
        required = {spec.kind for spec in event.document_kinds if spec.required}
        if required <= found.documents.keys():
            found.done.add(Step.DOCUMENTS)
    found.steps.append(Step.CHECK)
    return found
