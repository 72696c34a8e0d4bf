"""A second guardian (S-047): bound by the first one's code, ended or put in dispute by either.

A second guardian reads how registrations stand and nothing else: no document, no ID number, no
answer, and changes nothing. A code alone is not enough: whoever uses it names the student too.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Role
from heyan.accounts import totp
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.audit.service import Actor, record
from heyan.classification import mask_phone
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT
from heyan.db import blind_index, transaction
from heyan.events.models import Event
from heyan.notifications.service import notify
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.students.models import Guardianship, GuardianshipState, Student
from heyan.students.service import load

# CONTROLS 5: what is handed out has 12 characters; somebody is told in person, so two days do.
CODE_LENGTH, CODE_LIFE = 12, timedelta(days=2)
MOST = 3
S = GuardianshipState
LIVE = (S.BOUND, S.DISPUTED)


class CodeWrong(Exception):
    """Code and name do not belong together, or the code is used or too old; nobody says which."""


class TooManyGuardians(Exception):
    """The student has as many second guardians as one may have."""


class GuardianshipUnknown(Exception):
    """No such binding of this account, or it is not in a state for this."""


@dataclass(frozen=True)
class Other:
    """The guardian at the other end, as far as they are shown: masked."""

    id: uuid.UUID
    phone: str
    state: GuardianshipState
    bound_at: datetime | None
    disputed_by_me: bool


@dataclass(frozen=True)
class Shared:
    """A student whom somebody is the second guardian of."""

    id: uuid.UUID
    student: Student
    state: GuardianshipState
    disputed_by_me: bool


@dataclass(frozen=True)
class Standing:
    """How one registration stands, for a second guardian."""

    title: str
    title_en: str
    number: str | None
    status: RegistrationStatus
    updated_at: datetime


def _digest(code: str) -> bytes:
    return blind_index(totp.plain_code(code), "guardianships")


def offer(session: Session, actor: Actor, account_id: uuid.UUID, student_id: uuid.UUID) -> str:
    """Make a code for one use, two days long; the one before is over. Returns it, this once.

    Raises `StudentUnknown` and `TooManyGuardians`.
    """
    code, now = totp.new_code(CODE_LENGTH), clock.now()
    with transaction(session):
        consents.require(session, ACCOUNT, account_id=account_id)
        student = load(session, account_id, student_id)
        session.refresh(student, with_for_update=True)
        if len(_of_student(session, student.id)) >= MOST:
            raise TooManyGuardians
        session.execute(
            update(Guardianship)
            .where(Guardianship.student_id == student.id, Guardianship.state == S.OFFERED)
            .values(state=S.ENDED, code_hash=None, ended_at=now)
        )
        row = Guardianship(
            student_id=student.id,
            state=S.OFFERED,
            code_hash=_digest(code),
            offered_at=now,
            expires_at=now + CODE_LIFE,
        )
        session.add(row)
        session.flush()
        record(session, actor, "students.offer_guardian", "student", student.id)
    return code


def accept(
    session: Session, actor: Actor, account_id: uuid.UUID, *, code: str, name: str
) -> uuid.UUID:
    """Become a second guardian by code and student's name; the first is told. Returns the binding.

    Raises `CodeWrong`, for a wrong code, a wrong name and one's own student alike, after the same
    work.
    """
    now = clock.now()
    with transaction(session):
        consents.require(session, ACCOUNT, account_id=account_id)
        found = session.execute(
            select(Guardianship, Student)
            .join(Student, Student.id == Guardianship.student_id)
            .join(Account, Account.id == Student.account_id)
            .where(
                Guardianship.code_hash == _digest(code),
                Guardianship.state == S.OFFERED,
                Guardianship.expires_at > now,
                Student.unbound_at.is_(None),
                Account.status == AccountStatus.ACTIVE,
            )
            .with_for_update(of=Guardianship)
        ).first()
        named = found[1].name if found is not None else ""
        right = secrets.compare_digest(named.encode(), name.encode())
        if found is None or not right or found[1].account_id == account_id:
            record(session, actor, "students.bind_guardian", "student", None, outcome="denied")
            denied = True
        else:
            denied = False
            row, student = found
            try:
                with session.begin_nested():
                    row.state, row.account_id, row.bound_at = S.BOUND, account_id, now
                    row.code_hash = None
                    session.flush()
            except IntegrityError:
                denied = True  # they are bound already
            else:
                notify(session, student.account_id, "account_guardian_bound", student_id=student.id)
                record(session, actor, "students.bind_guardian", "student", student.id)
    if denied:
        raise CodeWrong
    return uuid.UUID(str(row.id))


def _of_student(session: Session, student_id: uuid.UUID) -> list[Guardianship]:
    return list(
        session.scalars(
            select(Guardianship)
            .where(Guardianship.student_id == student_id, Guardianship.state.in_(LIVE))
            .order_by(Guardianship.bound_at)
        )
    )


def others(session: Session, account_id: uuid.UUID, student_id: uuid.UUID) -> list[Other]:
    """Return the second guardians of one's own student; raises `StudentUnknown`."""
    student = load(session, account_id, student_id)
    return [
        Other(
            row.id,
            mask_phone(session.get_one(Account, row.account_id).login),
            row.state,
            row.bound_at,
            row.disputed_by == account_id,
        )
        for row in _of_student(session, student.id)
    ]


def _shows(account_id: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    """Which bindings a second guardian has: the student is still bound, its account still open."""
    return (
        Guardianship.account_id == account_id,
        Guardianship.state.in_(LIVE),
        Student.unbound_at.is_(None),
        Account.status == AccountStatus.ACTIVE,
    )


def shared(session: Session, account_id: uuid.UUID) -> list[Shared]:
    """Return the students whom the account is a second guardian of."""
    rows = session.execute(
        select(Guardianship, Student)
        .join(Student, Student.id == Guardianship.student_id)
        .join(Account, Account.id == Student.account_id)
        .where(*_shows(account_id))
        .order_by(Guardianship.bound_at)
    )
    return [Shared(row.id, who, row.state, row.disputed_by == account_id) for row, who in rows]


def standings(
    session: Session, account_id: uuid.UUID, guardianship_id: uuid.UUID
) -> tuple[Student, list[Standing]]:
    """Return how the student's registrations stand; `GuardianshipUnknown`, in dispute too."""
    student = session.scalars(
        select(Student)
        .join(Guardianship, Guardianship.student_id == Student.id)
        .join(Account, Account.id == Student.account_id)
        .where(
            Guardianship.id == guardianship_id,
            Guardianship.state == S.BOUND,
            *_shows(account_id),
        )
    ).first()
    if student is None:
        raise GuardianshipUnknown
    rows = session.execute(
        select(
            Event.title,
            Event.title_en,
            Registration.number,
            Registration.status,
            Registration.updated_at,
        )
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.student_id == student.id,
            Registration.status != RegistrationStatus.DRAFT,
        )
        .order_by(Registration.id.desc())
        .limit(100)
    )
    return student, [Standing(*row) for row in rows]


def _mine(session: Session, account_id: uuid.UUID, guardianship_id: uuid.UUID) -> Guardianship:
    """Return a live binding that the account is at either end of, held; raises otherwise."""
    row = session.scalars(
        select(Guardianship)
        .join(Student, Student.id == Guardianship.student_id)
        .where(
            Guardianship.id == guardianship_id,
            Guardianship.state.in_(LIVE),
            or_(Guardianship.account_id == account_id, Student.account_id == account_id),
        )
        .with_for_update(of=Guardianship)
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise GuardianshipUnknown
    return row


def _tell(session: Session, row: Guardianship, but: uuid.UUID, kind: str) -> None:
    """Tell whoever is at the other end."""
    owner = session.scalar(select(Student.account_id).where(Student.id == row.student_id))
    for one in {owner, row.account_id} - {but, None}:
        assert one is not None  # noqa: S101 - taken out above; for the type checker
        notify(session, one, kind, student_id=row.student_id)


def end(session: Session, actor: Actor, account_id: uuid.UUID, guardianship_id: uuid.UUID) -> None:
    """End a binding, from either end; the other is told. Raises `GuardianshipUnknown`."""
    with transaction(session):
        row = _mine(session, account_id, guardianship_id)
        row.state, row.ended_at = S.ENDED, clock.now()
        _tell(session, row, account_id, "account_guardian_ended")
        record(session, actor, "students.end_guardian", "student", row.student_id)


def dispute(
    session: Session, actor: Actor, account_id: uuid.UUID, guardianship_id: uuid.UUID
) -> None:
    """Freeze a binding: it shows nothing until whoever disputes it takes that back, or it ends.

    The other end and the privacy officers are told. Raises `GuardianshipUnknown`.
    """
    with transaction(session):
        row = _mine(session, account_id, guardianship_id)
        if row.state is not S.BOUND:
            raise GuardianshipUnknown
        row.state, row.disputed_by = S.DISPUTED, account_id
        _tell(session, row, account_id, "account_guardian_disputed")
        for officer in _officers(session):
            notify(session, officer, "guardian_disputed", student_id=row.student_id)
        record(session, actor, "students.dispute_guardian", "student", row.student_id)


def resume(
    session: Session, actor: Actor, account_id: uuid.UUID, guardianship_id: uuid.UUID
) -> None:
    """Take one's own dispute back; nobody else can. Raises `GuardianshipUnknown`."""
    with transaction(session):
        row = _mine(session, account_id, guardianship_id)
        if row.state is not S.DISPUTED or row.disputed_by != account_id:
            raise GuardianshipUnknown
        row.state, row.disputed_by = S.BOUND, None
        _tell(session, row, account_id, "account_guardian_resumed")
        record(session, actor, "students.resume_guardian", "student", row.student_id)


def _officers(session: Session) -> list[uuid.UUID]:
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role == Role.PRIVACY_OFFICER, Account.status == AccountStatus.ACTIVE)
        )
    )
