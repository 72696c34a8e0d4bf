"""Which documents wait for a batch, and claiming them for one in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session, joinedload

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.custody.objects import new_key
from heyan.db import transaction
from heyan.documents.models import Document
from heyan.events.models import Event, EventStatus
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.releases.models import ItemState, Release, ReleaseItem, ReleaseState
from heyan.releases.states import move_release
from heyan.settings_limits import CustodyLimits
from uploads_worker.releases.waiting import (
    PAGE,
    agreed,
    load_registrations,
    troubled,
    waiting_documents,
)

RUNNING = (EventStatus.PUBLISHED, EventStatus.CLOSED)

# The event's questions, as key and label.
Questions = Sequence[tuple[str, str]]

CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Paper:
    """One document as the batch needs it."""

    document_id: uuid.UUID
    kind: str
    object_key: str
    object_version: str | None
    key_id: str
    sha256: bytes
    commitment: bytes
    sealed_bytes: int
    picture_bytes: int
    width: int
    height: int
    pages: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SealedNumber:
    """A registration's sealed ID number."""

    sealed: bytes
    sha256: bytes
    commitment: bytes
    key_id: str


@dataclass(slots=True)
class Person:
    """One registration with its documents; without consent nothing but its number is known."""

    registration_id: uuid.UUID
    number: str
    agreed: bool
    name: str = ""
    birth_date: str = ""
    id_number: SealedNumber | None = None
    fields: list[dict[str, str]] = field(default_factory=list)
    papers: list[Paper] = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    """A release that is being made, and everything it will hold."""

    release_id: uuid.UUID
    number: int
    object_key: str
    event_id: uuid.UUID
    event: dict[str, str]
    organization_id: uuid.UUID
    organization: dict[str, str]
    created_at: datetime
    people: list[Person]
    # More waits than one batch may hold.
    more: bool

    def agreed_papers(self) -> list[Paper]:
        """Return the documents that were claimed."""
        return [paper for person in self.people if person.agreed for paper in person.papers]


def abandoned(session: Session, event_id: uuid.UUID) -> Release | None:
    """Return a release of the event that someone began and left; the caller builds alone."""
    return session.scalars(
        select(Release)
        .where(Release.event_id == event_id, Release.state == ReleaseState.CLAIMED)
        .with_for_update()
    ).first()


def load_event(session: Session, event_id: uuid.UUID) -> Event | None:
    """Return an event whose documents may be handed over now, or None."""
    event = (
        session.scalars(
            select(Event)
            .where(Event.id == event_id)
            .options(joinedload(Event.organization), joinedload(Event.fields))
        )
        .unique()
        .one_or_none()
    )
    if event is None or event.status not in RUNNING or not event.organization.active:
        return None
    return event


def claim(
    session: Session,
    limits: CustodyLimits,
    event_id: uuid.UUID,
    trigger: str,
    requested_by: uuid.UUID | None,
) -> Claim | None:
    """Claim what waits, for a new release or for the one that was left half made.

    Returns None when nothing waits. The caller is the event's only builder at this moment.
    """
    with transaction(session):
        event = load_event(session, event_id)
        left = abandoned(session, event_id)
        if left is not None:
            session.execute(delete(ReleaseItem).where(ReleaseItem.release_id == left.id))
        people: list[Person] = []
        more = False
        if event is not None:
            retry = trigger == "demand" or left is not None
            questions = [(one.key, one.label) for one in event.fields]
            people, more = _fill(session, limits, event_id, questions, retry=retry)
        if event is None or not any(person.agreed for person in people):
            if left is not None:
                left.state = move_release(left.state, ReleaseState.FAILED)
                left.problem = "nothing_left"
                record(session, WORKER, "releases.fail", "release", left.id, reason="nothing_left")
            return None
        release = left or _new(session, event, trigger, requested_by)
        release.object_key = new_key("r")
        session.flush()
        session.add_all(
            ReleaseItem(
                release_id=release.id,
                document_id=paper.document_id,
                state=ItemState.CLAIMED if person.agreed else ItemState.MISSING,
                problem=None if person.agreed else CONSENT,
            )
            for person in people
            for paper in person.papers
        )
        session.flush()
        organization = event.organization
        return Claim(
            release_id=release.id,
            number=release.number,
            object_key=release.object_key,
            event_id=event.id,
            event={"id": str(event.id), "title": event.title, "slug": event.slug},
            organization_id=organization.id,
            organization={"id": str(organization.id), "name": organization.name},
            created_at=clock.now(),
            people=people,
            more=more,
        )


def _new(session: Session, event: Event, trigger: str, requested_by: uuid.UUID | None) -> Release:
    last = session.scalar(select(func.max(Release.number)).where(Release.event_id == event.id))
    release = Release(
        event_id=event.id,
        organization_id=event.organization_id,
        number=(last or 0) + 1,
        trigger=trigger,
        requested_by=requested_by,
        state=ReleaseState.CLAIMED,
        created_at=clock.now(),
    )
    session.add(release)
    session.flush()
    record(
        session, WORKER, "releases.claim", "release", release.id,
        event_id=event.id, number=release.number, trigger=trigger,
    )  # fmt: skip
    return release


def _fill(
    session: Session,
    limits: CustodyLimits,
    event_id: uuid.UUID,
    questions: Questions,
    *,
    retry: bool,
) -> tuple[list[Person], bool]:
    """Return the people of one batch, and whether more wait.

    A registration is never split. What could not be opened before comes last, and alone makes no
    batch unless *retry*.
    """
    fresh = _registrations(session, event_id, ~troubled())
    known = set(fresh)
    again = [one for one in _registrations(session, event_id, troubled()) if one not in known]
    people: list[Person] = []
    papers = size = 0
    for at in range(0, len(fresh) + len(again), PAGE):
        for person in _people(session, questions, (fresh + again)[at : at + PAGE]):
            if not person.agreed:
                if len(people) < 2 * limits.release_max_documents:
                    people.append(person)
                continue
            grown = size + sum(paper.picture_bytes for paper in person.papers)
            over = papers + len(person.papers) > limits.release_max_documents
            if papers and (over or grown > limits.release_max_bytes):
                return people, True
            people.append(person)
            papers, size = papers + len(person.papers), grown
    tried = set(again)
    if not retry and all(one.registration_id in tried for one in people if one.agreed):
        return [], False
    return people, False


def _registrations(
    session: Session, event_id: uuid.UUID, which: ColumnElement[bool]
) -> list[uuid.UUID]:
    first = func.min(func.coalesce(Registration.submitted_at, Registration.created_at))
    return list(
        session.scalars(
            select(Registration.id)
            .join(Document, Document.registration_id == Registration.id)
            .where(Document.event_id == event_id, waiting_documents(), which)
            .group_by(Registration.id)
            .order_by(first, Registration.id)
        )
    )


def _people(session: Session, questions: Questions, ids: Sequence[uuid.UUID]) -> list[Person]:
    registrations = load_registrations(session, ids)
    allowed = agreed(session, registrations.values())
    papers: dict[uuid.UUID, list[Paper]] = {}
    documents = session.scalars(
        select(Document)
        .join(Registration, Registration.id == Document.registration_id)
        .where(Document.registration_id.in_(ids), waiting_documents())
        .order_by(Document.id)
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    for one in documents:
        papers.setdefault(one.registration_id, []).append(_paper(one))
    answers: dict[uuid.UUID, dict[str, str]] = {}
    for row in session.scalars(
        select(RegistrationAnswer).where(
            RegistrationAnswer.registration_id.in_([one for one in ids if one in allowed])
        )
    ):
        answers.setdefault(row.registration_id, {})[row.field_key] = row.value
    return [
        _person(
            registrations[one], questions, papers[one], answers.get(one, {}), agreed=one in allowed
        )
        for one in ids
        if one in papers
    ]


def _paper(row: Document) -> Paper:
    return Paper(
        document_id=row.id,
        kind=row.kind.value,
        object_key=row.object_key,
        object_version=row.object_version,
        key_id=row.vault_key_id,
        sha256=bytes(row.ciphertext_sha256),
        commitment=bytes(row.commitment),
        sealed_bytes=row.ciphertext_bytes,
        picture_bytes=row.picture_bytes,
        width=row.width,
        height=row.height,
        pages=row.pages,
        warnings=tuple(str(one) for one in row.warnings),
    )


def _person(
    row: Registration,
    questions: Questions,
    papers: list[Paper],
    answers: dict[str, Any],
    *,
    agreed: bool,
) -> Person:
    person = Person(row.id, row.number or "", agreed, papers=papers)
    if not agreed:
        return person
    person.name, person.birth_date = row.student.name, row.student.birth_date
    if row.id_number_sealed is not None and row.id_number_key_id is not None:
        person.id_number = SealedNumber(
            bytes(row.id_number_sealed),
            bytes(row.id_number_sha256 or b""),
            bytes(row.id_number_commitment or b""),
            row.id_number_key_id,
        )
    person.fields = [
        {"key": key, "label": label, "value": answers[key]}
        for key, label in questions
        if answers.get(key)
    ]
    return person
