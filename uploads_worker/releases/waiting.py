"""Which documents wait for a batch, and whose consents still stand: the conditions of a claim."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased, defer, joinedload, load_only, selectinload

from heyan import clock
from heyan.assistance.models import AccountFreeze
from heyan.consent import service as consents
from heyan.consent.purposes import GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.documents.models import Document, DocumentState
from heyan.events.models import Event
from heyan.policies.standing import OF_BATCHES, unsettled
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.steps import needed_consents, still_covers
from heyan.releases.models import ItemState, ReleaseItem
from heyan.safety.holding import held_back
from heyan.students.models import Student

LIVE = (ItemState.CLAIMED, ItemState.INCLUDED)
HANDED_IN = (RegistrationStatus.SUBMITTED, RegistrationStatus.RETURNED)
CONSENTS = (IDENTITY_DOCUMENTS, HAND_OVER, GUARDIAN)
# Registrations that are looked at in one go.
PAGE = 500
# Why a document is not in the file. The first two are a fault of what is stored.
OBJECT_MISSING = "object_missing"
UNOPENABLE = "unopenable"


def waiting_documents() -> ColumnElement[bool]:
    """Return the condition for a document that waits for a batch (joined to its registration).

    Sealed and in no batch, or handed over in one that ended before anyone decided.
    """
    live = exists().where(ReleaseItem.document_id == Document.id, ReleaseItem.state.in_(LIVE))
    return and_(
        Document.state.in_((DocumentState.SEALED, DocumentState.RELEASED)),
        Document.destroy_due_at > clock.now(),
        Registration.status.in_(HANDED_IN),
        ~live,
        ~frozen_owner(),
        ~held_back(),
        # Terms that changed what a batch does bind nobody who has not agreed to them (L-03, K1).
        ~unsettled(Registration.account_id, OF_BATCHES),
    )


def frozen_owner() -> ColumnElement[bool]:
    """Return the condition for a registration whose account is in strange hands (S-102)."""
    return exists().where(
        AccountFreeze.account_id == Registration.account_id, AccountFreeze.ended_at.is_(None)
    )


def troubled() -> ColumnElement[bool]:
    """Return the condition for a document that an earlier batch could not open."""
    earlier = aliased(ReleaseItem)
    return exists().where(
        earlier.document_id == Document.id,
        or_(earlier.problem == OBJECT_MISSING, earlier.problem == UNOPENABLE),
    )


def load_registrations(
    session: Session, ids: Iterable[uuid.UUID], *, whole: bool = True
) -> dict[uuid.UUID, Registration]:
    """Return registrations with student, event and organizer.

    Unless *whole*, only what consents need: each encrypted column costs its decryption.
    """
    student = joinedload(Registration.student)
    columns = [] if whole else [load_only(*_FOR_CONSENTS), student.load_only(Student.birth_date)]
    rows = session.scalars(
        select(Registration)
        .where(Registration.id.in_(list(ids)))
        .options(
            student,
            # Not joined: the event is the same for all of them, and wide.
            selectinload(Registration.event).selectinload(Event.organization),
            defer(Registration.id_number_tail),
            *columns,
        )
        .execution_options(populate_existing=True)
    )
    return {one.id: one for one in rows}


_FOR_CONSENTS = (
    Registration.id,
    Registration.account_id,
    Registration.event_id,
    Registration.student_id,
    Registration.status,
)


def agreed(session: Session, registrations: Iterable[Registration]) -> set[uuid.UUID]:
    """Return the registrations whose every needed consent stands now (A7, S-006)."""
    rows = list(registrations)
    found = consents.standing_of_all(session, CONSENTS, [one.id for one in rows])
    allowed = set()
    for one in rows:
        given = (found.get((one.id, one.account_id, purpose)) for purpose in needed_consents(one))
        if all(given_one and still_covers(given_one, one) for given_one in given):
            allowed.add(one.id)
    return allowed


def still_agreed(session: Session, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which registrations may still be handed over: handed in, and consents standing."""
    allowed: set[uuid.UUID] = set()
    for at in range(0, len(ids), PAGE):
        rows = load_registrations(session, ids[at : at + PAGE], whole=False)
        frozen = set(
            session.scalars(
                select(AccountFreeze.account_id).where(
                    AccountFreeze.account_id.in_({one.account_id for one in rows.values()}),
                    AccountFreeze.ended_at.is_(None),
                )
            )
        )
        stopped = set(
            session.scalars(
                select(Registration.id).where(
                    Registration.id.in_(list(rows)),
                    or_(held_back(), unsettled(Registration.account_id, OF_BATCHES)),
                )
            )
        )
        live = [
            one
            for one in rows.values()
            if one.status in HANDED_IN and one.account_id not in frozen and one.id not in stopped
        ]
        allowed |= agreed(session, live)
    return allowed
