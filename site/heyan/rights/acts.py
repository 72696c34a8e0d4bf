"""What a request asks for, done: withdraw, delete, close, correct. Page and desk call the same.

Each act is one transaction with its request's row, so that there is a record exactly when it was
done. Effects are said beforehand by `heyan.rights.effects`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.accounts.errors import LoginTaken
from heyan.accounts.models import Account
from heyan.assistance import changes
from heyan.assistance.models import ChangeKind
from heyan.assistance.recovery import AccountUnknown
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT, GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.documents.models import Document, DocumentState
from heyan.documents.states import CURRENT
from heyan.registrations.closing import close_account
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.registrations.service import load as load_registration
from heyan.registrations.submission import withdraw as withdraw_registration
from heyan.retention.holds import held
from heyan.rights import parties
from heyan.rights.models import (
    AccessCopy,
    PartyNews,
    RightsKind,
    RightsRequest,
)
from heyan.rights.requests import Asked, NotChecked, SamePerson, finish, load, receive
from heyan.rights.states import WrongState
from heyan.rights.wording import PHONE_IS_SLOW
from heyan.students.models import Student
from heyan.students.service import load as load_student
from heyan.students.service import unbind_student

NAME = "account_name"
PHONE = "account_phone"
STUDENT_NAME = "student_name"
STUDENT_BIRTH = "student_birth_date"
# Without these a registration cannot go on, so it ends with them.
ENDS_REGISTRATION = (IDENTITY_DOCUMENTS, HAND_OVER, GUARDIAN)


class NothingToWithdraw(Exception):
    """There is no such consent that stands."""


class Held(Exception):
    """An authority ordered that this be kept for now (S-059)."""


class NumberTaken(Exception):
    """The new phone number belongs to another account."""


class NotThisKind(Exception):
    """This request asks for something that is not carried out here."""


# --- withdrawing a consent (G3) --------------------------------------------------------------


def withdraw_consent(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    purpose: str,
    registration_id: uuid.UUID | None,
    evidence: Evidence,
    text_shown: str,
    *,
    request: RightsRequest | None = None,
) -> RightsRequest:
    """Take one consent back and carry out what follows from it, at once (S-049, L-10).

    What was not handed over is destroyed; of what was, the organizer is told and asked to
    confirm. Raises `NothingToWithdraw`, `registrations.service.RegistrationUnknown`.
    """
    with transaction(session):
        standing = consents.standing(
            session, purpose, account_id=account_id, registration_id=registration_id
        )
        if standing is None or purpose == ACCOUNT:
            raise NothingToWithdraw
        if request is None:
            request = receive(
                session,
                actor,
                Asked(
                    kind=RightsKind.WITHDRAW,
                    account_id=account_id,
                    registration_id=registration_id,
                    subject=purpose,
                    signed_in=True,
                ),
            )
        if purpose in ENDS_REGISTRATION and registration_id is not None:
            registration = load_registration(session, account_id, registration_id)
            withdraw_registration(session, actor, registration, evidence, text_shown)
        still = consents.standing(
            session, purpose, account_id=account_id, registration_id=registration_id
        )
        if still is not None:
            consents.withdraw(
                session,
                purpose,
                evidence,
                text_shown=text_shown,
                account_id=account_id,
                student_id=standing.student_id,
                registration_id=registration_id,
            )
        record(
            session, actor, "consent.withdraw", "registration" if registration_id else "account",
            registration_id or account_id, purpose=purpose,
        )  # fmt: skip
        finish(session, actor, request)
        return request


# --- deleting a student's data, closing the account (G4, G5) ---------------------------------


def delete_student(
    session: Session,
    actor: Actor,
    asked: Asked,
    evidence: Evidence,
    text_shown: str,
    *,
    request: RightsRequest | None = None,
) -> RightsRequest:
    """Delete what is kept about one student; registrations that run end with it (S-051 to S-054).

    Raises `students.service.StudentUnknown`, `Held`.
    """
    account_id, student_id = _both(asked.account_id, asked.student_id)
    with transaction(session):
        student = load_student(session, account_id, student_id)
        if held(session, "student", student.id):
            raise Held
        request = request or receive(session, actor, asked)
        mine = select(Registration.id).where(
            Registration.student_id == student.id, Registration.account_id == account_id
        )
        live = mine.where(Registration.status != RegistrationStatus.WITHDRAWN)
        for registration_id in session.scalars(live).all():
            registration = load_registration(session, account_id, registration_id)
            withdraw_registration(session, actor, registration, evidence, text_shown)
        session.execute(
            delete(RegistrationAnswer).where(RegistrationAnswer.registration_id.in_(mine)),
            execution_options={"synchronize_session": False},
        )
        unbind_student(session, actor, account_id, student.id)
        finish(session, actor, request)
        return request


def close(
    session: Session,
    actor: Actor,
    asked: Asked,
    evidence: Evidence,
    text_shown: str,
    *,
    request: RightsRequest | None = None,
) -> RightsRequest:
    """Close the account: registrations end, the door shuts, the worker empties it (S-058, S-061).

    Copies that wait are unreadable from this moment.
    """
    account_id, _nobody = _both(asked.account_id, asked.account_id)
    with transaction(session):
        request = request or receive(session, actor, asked)
        close_account(session, actor, account_id, evidence, text_shown)
        if consents.standing(session, ACCOUNT, account_id=account_id):
            consents.withdraw(
                session, ACCOUNT, evidence, text_shown=text_shown, account_id=account_id
            )
        session.execute(
            update(AccessCopy)
            .where(AccessCopy.account_id == account_id, AccessCopy.destroyed_at.is_(None))
            .values(opener=None, expires_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        finish(session, actor, request)
        return request


def _both(one: uuid.UUID | None, other: uuid.UUID | None) -> tuple[uuid.UUID, uuid.UUID]:
    if one is None or other is None:
        raise NotThisKind
    return one, other


# --- correcting (G2) -------------------------------------------------------------------------


def may_change_at_once(session: Session, student: Student) -> bool:
    """Tell whether a student's name and birth date are the person's own to change.

    Once something was submitted under them, an organizer may have them: then staff decide.
    """
    return not session.scalar(
        select(
            exists().where(
                Registration.student_id == student.id,
                Registration.status.not_in(
                    (RegistrationStatus.DRAFT, RegistrationStatus.WITHDRAWN)
                ),
            )
        )
    )


def correct(session: Session, actor: Actor, asked: Asked) -> RightsRequest:
    """Correct a value at once where that is safe, else leave a request that staff decide.

    The account's name is the person's own. The phone number is how they are known here, and a
    student's name under which something was submitted is what an organizer checks: those are
    decided, and a number holds only after a second clerk and 72 hours (C-34, C-39). Raises
    `students.service.StudentUnknown`.
    """
    account_id, _same = _both(asked.account_id, asked.account_id)
    with transaction(session):
        request = receive(session, actor, asked)
        at_once = asked.subject == NAME
        if asked.subject in (STUDENT_NAME, STUDENT_BIRTH):
            _account, student_id = _both(account_id, asked.student_id)
            student = load_student(session, account_id, student_id)
            at_once = may_change_at_once(session, student)
        if at_once:
            _apply(session, actor, request)
            finish(session, actor, request)
        return request


def needs_another(request: RightsRequest) -> bool:
    """Tell whether whoever checked who asks may not also carry the request out.

    Deleting and closing cannot be undone, and a check is one colleague's word: with a word alone
    one of them could end anybody's account.
    """
    return request.kind in (RightsKind.DELETE, RightsKind.CLOSE) and request.checked_by is not None


def carry_out(
    session: Session,
    actor: Actor,
    request_id: uuid.UUID,
    evidence: Evidence,
    text_shown: str,
    *,
    browser: Sequence[str] = (),
) -> RightsRequest:
    """Do what an open request asks for, once it was checked who asks (S-050, S-061).

    *browser* are the device tokens of the browser in front of us. Raises `requests.NotChecked`,
    `requests.SamePerson`, `NotThisKind`, `NumberTaken` and what the act itself raises.
    """
    with transaction(session):
        request = load(session, request_id, lock=True)
        if request.closed_at is not None:
            raise WrongState(request.state.value)
        if request.checked_at is None:
            raise NotChecked
        if needs_another(request) and accounts.same_human(
            session, actor.id, request.checked_by, browser=browser
        ):
            raise SamePerson
        asked = Asked(
            kind=request.kind,
            channel=request.channel,
            account_id=request.account_id,
            student_id=request.student_id,
            registration_id=request.registration_id,
            subject=request.subject,
            ground=request.ground,
        )
        if request.kind is RightsKind.CLOSE:
            close(session, actor, asked, evidence, text_shown, request=request)
        elif request.kind is RightsKind.DELETE:
            if request.student_id is None:
                close(session, actor, asked, evidence, text_shown, request=request)
            else:
                delete_student(session, actor, asked, evidence, text_shown, request=request)
        elif request.kind is RightsKind.WITHDRAW and request.subject:
            account_id, _same = _both(request.account_id, request.account_id)
            withdraw_consent(
                session,
                actor,
                account_id,
                request.subject,
                request.registration_id,
                evidence,
                text_shown,
                request=request,
            )
        elif request.kind is RightsKind.CORRECT and request.wanted:
            _apply(session, actor, request)
            slow = request.subject == PHONE
            finish(session, actor, request, str(PHONE_IS_SLOW) if slow else "")
        else:
            raise NotThisKind
        return request


def _apply(session: Session, actor: Actor, request: RightsRequest) -> None:
    """Put the wanted value where it belongs; the audit says only that it changed."""
    account_id, _same = _both(request.account_id, request.account_id)
    wanted = request.wanted or ""
    if request.subject in (NAME, PHONE):
        if request.subject == NAME:
            session.get_one(Account, account_id, with_for_update=True).name = wanted
        else:
            _begin_new_number(session, actor, account_id, wanted)
        record(session, actor, "accounts.correct", "account", account_id, what=request.subject)
        return
    _account, student_id = _both(account_id, request.student_id)
    student = load_student(session, account_id, student_id)
    if request.subject == STUDENT_NAME:
        student.name = wanted
    else:
        student.birth_date = date.fromisoformat(wanted).isoformat()
    session.flush()
    record(session, actor, "students.correct", "student", student.id, what=request.subject)
    for registration_id in _handed_over(session, student.id):
        parties.tell(session, parties.with_event(session, registration_id), PartyNews.CORRECTED)


def _begin_new_number(session: Session, actor: Actor, account_id: uuid.UUID, phone: str) -> None:
    """Begin the slow change that every new number takes: another clerk, then 72 hours (Q2).

    Whoever has the session of an account, or one clerk alone, must not get its codes at once.
    """
    try:
        changes.ask(
            session,
            actor,
            account_id,
            kind=ChangeKind.PHONE,
            proof=changes.SIGNED_IN,
            checked=[changes.CALLED_BACK],
            phone=phone,
        )
    except LoginTaken as error:
        raise NumberTaken from error
    except AccountUnknown as error:
        raise NotThisKind from error


def _handed_over(session: Session, student_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the student's registrations of which an organizer has something."""
    return list(
        session.scalars(
            select(Registration.id).where(
                Registration.student_id == student_id,
                Registration.status != RegistrationStatus.WITHDRAWN,
                exists().where(
                    Document.registration_id == Registration.id,
                    Document.state.in_(CURRENT),
                    Document.state != DocumentState.SEALED,
                ),
            )
        )
    )
