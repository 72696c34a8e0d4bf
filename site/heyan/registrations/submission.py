"""Submitting and withdrawing: seats, the waiting list, the receipt's number, the way back."""

from __future__ import annotations

import uuid

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.documents.store import current_documents, keep_until_event_ends, take_back
from heyan.events.models import Event
from heyan.notifications.service import notify
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.service import WindowClosed, in_window, lock
from heyan.registrations.states import SEATED, move
from heyan.registrations.steps import Step, progress_of
from heyan.retention.holds import held
from heyan.rights import parties
from heyan.rights.models import PartyNews
from heyan.safety.intake import check_duplicates

S = RegistrationStatus


class Incomplete(Exception):
    """Something that the event asks for is missing; ``step`` is where to go."""

    def __init__(self, step: Step) -> None:
        super().__init__(step.value)
        self.step = step


def submit(session: Session, actor: Actor, registration: Registration) -> Registration:
    """Submit a draft: a seat if there is one, else a place in the waiting list, and a number.

    Submitting again changes nothing. Raises `WindowClosed`, `Incomplete`.
    """
    with transaction(session):
        if registration.status is not S.DRAFT:
            return registration
        consents.require(session, ACCOUNT, account_id=registration.account_id)
        if not in_window(registration.event, clock.now()):
            raise WindowClosed(registration.event)
        progress = progress_of(session, registration)
        if not progress.complete:
            raise Incomplete(progress.next)
        # From here on one at a time per event; the window may have closed while we waited.
        _hold_event(session, registration.event_id)
        # Their last day changes below, and an upload holds them before the registration.
        current_documents(session, registration.id, lock=True)
        if lock(session, registration) is not S.DRAFT:
            return registration
        if not in_window(registration.event, clock.now()):
            raise WindowClosed(registration.event)
        waiting_before = _last_waiting(session, registration.event_id)
        if waiting_before == 0 and _take_seat(session, registration.event_id):
            registration.status = move(S.DRAFT, S.SUBMITTED)
        else:
            registration.status = move(S.DRAFT, S.WAITLISTED)
            registration.waiting = waiting_before + 1
        registration.number = _next_number(session, registration.event)
        registration.submitted_at = registration.updated_at = clock.now()
        keep_until_event_ends(session, registration.id, registration.event)
        record(
            session,
            actor,
            "registrations.submit",
            "registration",
            registration.id,
            event_id=registration.event_id,
            state=registration.status.value,
        )
        check_duplicates(session, registration.id)
        waitlisted = registration.status is S.WAITLISTED
        notify(
            session,
            registration.account_id,
            "registration_waitlisted" if waitlisted else "registration_submitted",
            registration_id=registration.id,
        )
        return registration


def _hold_event(session: Session, event_id: uuid.UUID) -> None:
    """Hold the event's row until the transaction ends: seats and numbers go one by one."""
    session.execute(select(Event.id).where(Event.id == event_id).with_for_update(key_share=True))


def _next_number(session: Session, event: Event) -> str:
    """Take the event's next receipt number; the caller holds the event's row."""
    taken = session.scalar(
        update(Event)
        .where(Event.id == event.id)
        .values(next_number=Event.next_number + 1)
        .returning(Event.next_number)
        .execution_options(synchronize_session=False)
    )
    year = clock.local(clock.now()).year
    return f"{event.number_prefix}-{year}-{(taken or 1) - 1:05d}"


def _take_seat(session: Session, event_id: uuid.UUID) -> bool:
    """Take one seat if one is free: a single statement decides (C-52)."""
    seat = session.scalar(
        update(Event)
        .where(
            Event.id == event_id,
            or_(Event.capacity.is_(None), Event.seats_taken < Event.capacity),
        )
        .values(seats_taken=Event.seats_taken + 1)
        .returning(Event.seats_taken)
        .execution_options(synchronize_session=False)
    )
    return seat is not None


def _last_waiting(session: Session, event_id: uuid.UUID) -> int:
    """Return the highest place in the waiting list, 0 when nobody waits."""
    return (
        session.scalar(
            select(func.max(Registration.waiting)).where(
                Registration.event_id == event_id, Registration.status == S.WAITLISTED
            )
        )
        or 0
    )


def waiting_ahead(session: Session, registration: Registration) -> int:
    """Return how many wait in front of a registration in the waiting list."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Registration)
            .where(
                Registration.event_id == registration.event_id,
                Registration.status == S.WAITLISTED,
                Registration.waiting < (registration.waiting or 0),
            )
        )
        or 0
    )


def waiting_count(session: Session, event_id: uuid.UUID) -> int:
    """Return how many wait for a seat in an event."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Registration)
            .where(Registration.event_id == event_id, Registration.status == S.WAITLISTED)
        )
        or 0
    )


def seat_waiting(session: Session, actor: Actor, event_id: uuid.UUID) -> int:
    """Give free seats to the waiting list in its order; returns how many were seated.

    Called after a withdrawal, and by whoever raises an event's capacity.
    """
    with transaction(session):
        _hold_event(session, event_id)
        seated = 0
        while True:
            first = session.scalars(
                select(Registration)
                .where(Registration.event_id == event_id, Registration.status == S.WAITLISTED)
                .order_by(Registration.waiting)
                .limit(1)
                .with_for_update(key_share=True)
                .execution_options(populate_existing=True)
            ).first()
            if first is None or not _take_seat(session, event_id):
                return seated
            first.status = move(first.status, S.SUBMITTED)
            first.waiting = None
            first.updated_at = clock.now()
            record(session, actor, "registrations.seat", "registration", first.id)
            notify(session, first.account_id, "registration_seated", registration_id=first.id)
            seated += 1


def withdraw(
    session: Session, actor: Actor, registration: Registration, evidence: Evidence, text_shown: str
) -> None:
    """Withdraw a registration and its consents; its documents are destroyed at once.

    What the organizer already has cannot be called back from here: it is told. The freed seat
    goes to the first who waits. Withdrawing again changes nothing.
    """
    with transaction(session):
        event_id = registration.event_id
        _hold_event(session, event_id)
        current_documents(session, registration.id, lock=True)
        before = lock(session, registration)
        if before is S.WITHDRAWN:
            return
        handed_over = take_back(session, registration)
        registration.status = move(before, S.WITHDRAWN)
        registration.waiting = None
        registration.withdrawn_at = registration.updated_at = clock.now()
        # The sealed number goes with the documents: nobody has a use for it any more, unless an
        # authority's order keeps both (S-059); the worker's sweep takes them once it is released.
        if not held(session, "registration", registration.id):
            registration.id_number_sealed = None
            registration.id_number_sha256 = None
            registration.id_number_commitment = None
            registration.id_number_tail = None
        for purpose in (IDENTITY_DOCUMENTS, HAND_OVER):
            if consents.standing(
                session,
                purpose,
                account_id=registration.account_id,
                registration_id=registration.id,
            ):
                consents.withdraw(
                    session,
                    purpose,
                    evidence,
                    text_shown=text_shown,
                    account_id=registration.account_id,
                    student_id=registration.student_id,
                    registration_id=registration.id,
                )
        record(
            session,
            actor,
            "registrations.withdraw",
            "registration",
            registration.id,
            was=before.value,
            handed_over=len(handed_over),
        )
        if handed_over:
            parties.tell(session, registration, PartyNews.WITHDRAWN)
        if before in SEATED:
            session.execute(
                update(Event)
                .where(Event.id == event_id, Event.seats_taken > 0)
                .values(seats_taken=Event.seats_taken - 1)
                .execution_options(synchronize_session=False)
            )
            session.flush()
            seat_waiting(session, actor, event_id)
