"""The verbs of students: bind, list, unbind. Every query goes through the account."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT
from heyan.db import transaction
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.students.models import Guardianship, GuardianshipState, Relation, Student

MAX_STUDENTS = 20
GUARDIAN_UNDER = 14


class StudentUnknown(Exception):
    """No such student bound to this account."""


class TooManyStudents(Exception):
    """The account has as many students as one account may bind."""


class StudentRegistered(Exception):
    """The student still has a registration that was not withdrawn."""


def list_students(session: Session, account_id: uuid.UUID) -> list[Student]:
    """Return the account's students, the earliest bound first."""
    return list(
        session.scalars(
            select(Student)
            .where(Student.account_id == account_id, Student.unbound_at.is_(None))
            .order_by(Student.created_at, Student.id)
        )
    )


def load(session: Session, account_id: uuid.UUID, student_id: uuid.UUID) -> Student:
    """Return one of the account's students; raises `StudentUnknown`."""
    found = session.scalars(
        select(Student).where(
            Student.id == student_id,
            Student.account_id == account_id,
            Student.unbound_at.is_(None),
        )
    ).first()
    if found is None:
        raise StudentUnknown
    return found


def bind_student(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    *,
    name: str,
    birth_date: date,
    relation: Relation,
) -> Student:
    """Bind a student to the account; the same name and birth date again is the same student.

    Raises `TooManyStudents` beyond `MAX_STUDENTS`.
    """
    with transaction(session):
        # One at a time per account, so that a double click does not bind twice.
        session.execute(select(func.pg_advisory_xact_lock(lock_number("students", account_id))))
        consents.require(session, ACCOUNT, account_id=account_id)
        bound = list_students(session, account_id)
        for student in bound:
            if (student.name, student.birth_date) == (name, birth_date.isoformat()):
                return student
        if len(bound) >= MAX_STUDENTS:
            raise TooManyStudents
        student = Student(
            account_id=account_id,
            name=name,
            birth_date=birth_date.isoformat(),
            relation=relation,
            created_at=clock.now(),
        )
        session.add(student)
        session.flush()
        record(session, actor, "students.bind", "student", student.id, relation=relation.value)
        return student


def live_registrations(session: Session, student_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of the students have a registration that was not withdrawn."""
    return set(
        session.scalars(
            select(Registration.student_id).where(
                Registration.student_id.in_(list(student_ids)),
                Registration.status != RegistrationStatus.WITHDRAWN,
            )
        )
    )


def unbind_student(
    session: Session, actor: Actor, account_id: uuid.UUID, student_id: uuid.UUID
) -> None:
    """Unbind a student and erase the profile (the registry: kept until unbound).

    Raises `StudentUnknown`, and `StudentRegistered` while a registration stands: it is withdrawn
    first, so that nobody's enrolment ends by accident.
    """
    with transaction(session):
        student = load(session, account_id, student_id)
        session.refresh(student, with_for_update=True)
        registered = session.scalar(
            select(
                exists().where(
                    Registration.student_id == student.id,
                    Registration.status != RegistrationStatus.WITHDRAWN,
                )
            )
        )
        if registered:
            raise StudentRegistered
        student.name = ""
        student.birth_date = ""
        student.unbound_at = clock.now()
        # Whoever read how things stand as a second guardian reads no more.
        session.execute(
            update(Guardianship)
            .where(
                Guardianship.student_id == student.id,
                Guardianship.state != GuardianshipState.ENDED,
            )
            .values(state=GuardianshipState.ENDED, code_hash=None, ended_at=clock.now())
        )
        record(session, actor, "students.unbind", "student", student.id)


def age_on(birth_date: str, day: date) -> int:
    """Return the full years between an ISO *birth_date* and *day*."""
    born = date.fromisoformat(birth_date)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def needs_guardian(student: Student) -> bool:
    """Tell whether the student is under 14 today, in Shanghai (PIPL 31)."""
    if not student.birth_date:  # unbound and erased
        return False
    return age_on(student.birth_date, clock.local(clock.now()).date()) < GUARDIAN_UNDER


def lock_number(scope: str, key: uuid.UUID) -> int:
    """Return a number for `pg_advisory_xact_lock` that stands for *key* within *scope*."""
    return uuid.uuid5(key, scope).int & ((1 << 63) - 1)
