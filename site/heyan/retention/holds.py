"""Legal holds: what an authority ordered to be kept, who agreed, and what that covers (S-059).

A hold in force survives the sweep, a withdrawal, the closing of the account, and the end of the
event: the event's key lives on until the last held thing is released. Holds take the privacy
officer and an administrator, two people, to begin and to end early.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from heyan import clock
from heyan.access import Role
from heyan.accounts import service as accounts
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.audit.service import Actor, record
from heyan.contacts.models import Contact
from heyan.db import transaction
from heyan.documents.models import Document
from heyan.leads.models import Lead
from heyan.registrations.models import Registration
from heyan.retention.errors import AlreadySettled, NotTheOther, SubjectUnknown
from heyan.retention.models import HoldSubject, LegalHold
from heyan.students.models import Student

TABLES: dict[HoldSubject, Any] = {
    HoldSubject.ACCOUNT: Account,
    HoldSubject.STUDENT: Student,
    HoldSubject.REGISTRATION: Registration,
    HoldSubject.DOCUMENT: Document,
    HoldSubject.LEAD: Lead,
    HoldSubject.CONTACT: Contact,
}
# The two who have to agree.
PAIR = frozenset({Role.PRIVACY_OFFICER, Role.ADMINISTRATOR})


# --- is it held? -----------------------------------------------------------------------------


def in_force(moment: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition for a hold that binds at *moment* (now)."""
    return _in_force(LegalHold, moment)


def _in_force(hold: Any, moment: datetime | None = None) -> ColumnElement[bool]:
    return and_(
        hold.approved_at.is_not(None),
        hold.released_at.is_(None),
        hold.ends_at > (moment or clock.now()),
    )


def _named(kind: HoldSubject, column: Any) -> ColumnElement[bool]:
    hold = aliased(LegalHold)
    return exists().where(hold.subject_kind == kind, hold.subject_id == column, _in_force(hold))


def _document_held(column: Any) -> ColumnElement[bool]:
    above, up = aliased(Document), aliased(Registration)
    return or_(
        _named(HoldSubject.DOCUMENT, column),
        exists()
        .where(above.id == column, up.id == above.registration_id)
        .where(_registration_named(up)),
    )


def _registration_named(up: Any) -> ColumnElement[bool]:
    return or_(
        _named(HoldSubject.REGISTRATION, up.id),
        _named(HoldSubject.STUDENT, up.student_id),
        _named(HoldSubject.ACCOUNT, up.account_id),
    )


def _registration_held(column: Any) -> ColumnElement[bool]:
    """Find a registration held itself, from above, or because a document of it is held."""
    up, below = aliased(Registration), aliased(Document)
    return or_(
        exists().where(up.id == column).where(_registration_named(up)),
        exists()
        .where(below.registration_id == column)
        .where(_named(HoldSubject.DOCUMENT, below.id)),
    )


def _student_held(column: Any) -> ColumnElement[bool]:
    student, below = aliased(Student), aliased(Registration)
    return or_(
        _named(HoldSubject.STUDENT, column),
        exists().where(student.id == column, _named(HoldSubject.ACCOUNT, student.account_id)),
        exists().where(below.student_id == column).where(_registration_held(below.id)),
    )


def _account_held(column: Any) -> ColumnElement[bool]:
    """Find an account held itself, or to which something leads that is held."""
    student, below = aliased(Student), aliased(Registration)
    return or_(
        _named(HoldSubject.ACCOUNT, column),
        exists().where(student.account_id == column, _named(HoldSubject.STUDENT, student.id)),
        exists().where(below.account_id == column).where(_registration_held(below.id)),
    )


def _lead_held(column: Any) -> ColumnElement[bool]:
    return _named(HoldSubject.LEAD, column)


def _contact_held(column: Any) -> ColumnElement[bool]:
    entry = aliased(Contact)
    return or_(
        _named(HoldSubject.CONTACT, column),
        # By its id alone: the worker may not read an entry's words.
        select(entry.id)
        .where(
            entry.id == column,
            or_(
                _named(HoldSubject.LEAD, entry.lead_id),
                _named(HoldSubject.ACCOUNT, entry.account_id),
            ),
        )
        .exists(),
    )


_HELD: dict[HoldSubject, Callable[[Any], ColumnElement[bool]]] = {
    HoldSubject.ACCOUNT: _account_held,
    HoldSubject.STUDENT: _student_held,
    HoldSubject.REGISTRATION: _registration_held,
    HoldSubject.DOCUMENT: _document_held,
    HoldSubject.LEAD: _lead_held,
    HoldSubject.CONTACT: _contact_held,
}


def is_held(kind: str, column: Any) -> ColumnElement[bool]:
    """Return the SQL condition that the *kind* whose id is *column* is held."""
    return _HELD[HoldSubject(kind)](column)


def not_held(kind: str, column: Any) -> ColumnElement[bool]:
    """Return the SQL condition that it is not held, for whatever deletes."""
    return ~is_held(kind, column)


def held(session: Session, subject_kind: str, subject_id: uuid.UUID) -> bool:
    """Tell whether an order keeps this (a kind of `HoldSubject`)."""
    table = TABLES[HoldSubject(subject_kind)]
    asked = select(table.id).where(table.id == subject_id, is_held(subject_kind, table.id))
    return session.scalar(asked) is not None


# --- the verbs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What an authority's paper says."""

    authority: str
    order_number: str
    statute: str
    scope: str


def ask(
    session: Session,
    actor: Actor,
    *,
    subject_kind: HoldSubject,
    subject_id: uuid.UUID,
    order: Order,
    ends_at: datetime,
) -> LegalHold:
    """Enter an order; it binds once the other of the two people agrees.

    Raises `SubjectUnknown`, and `NotTheOther` unless the actor is one of the two.
    """
    with transaction(session):
        _one_of_two(session, actor.id)
        table = TABLES[subject_kind]
        if session.scalar(select(table.id).where(table.id == subject_id)) is None:
            raise SubjectUnknown
        row = LegalHold(
            subject_kind=subject_kind,
            subject_id=subject_id,
            authority=order.authority,
            order_number=order.order_number,
            statute=order.statute,
            scope=order.scope,
            ends_at=ends_at,
            asked_by=actor.id,
            asked_at=clock.now(),
        )
        session.add(row)
        session.flush()
        record(session, actor, "holds.ask", "hold", row.id, of=subject_kind.value)
        return row


def approve(
    session: Session, actor: Actor, hold_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> None:
    """Agree to a hold; from now on it binds. Raises `NotTheOther`, `AlreadySettled`."""
    with transaction(session):
        row = load(session, hold_id)
        other_of_two(session, row.asked_by, actor.id, browser=browser)
        _settle(
            session,
            update(LegalHold)
            .where(
                LegalHold.id == hold_id,
                LegalHold.approved_at.is_(None),
                LegalHold.refused_at.is_(None),
            )
            .values(approved_by=actor.id, approved_at=clock.now()),
        )
        record(session, actor, "holds.approve", "hold", hold_id)


def refuse(session: Session, actor: Actor, hold_id: uuid.UUID) -> None:
    """Turn a hold down that nobody approved yet. Raises `NotTheOther`, `AlreadySettled`."""
    with transaction(session):
        _one_of_two(session, actor.id)
        load(session, hold_id)
        _settle(
            session,
            update(LegalHold)
            .where(
                LegalHold.id == hold_id,
                LegalHold.approved_at.is_(None),
                LegalHold.refused_at.is_(None),
            )
            .values(refused_at=clock.now()),
        )
        record(session, actor, "holds.refuse", "hold", hold_id)


def ask_release(session: Session, actor: Actor, hold_id: uuid.UUID) -> None:
    """Ask that a hold end before its day. Raises `NotTheOther`, `AlreadySettled`."""
    with transaction(session):
        _one_of_two(session, actor.id)
        load(session, hold_id)
        _settle(
            session,
            update(LegalHold)
            .where(
                LegalHold.id == hold_id,
                LegalHold.approved_at.is_not(None),
                LegalHold.release_asked_at.is_(None),
                LegalHold.released_at.is_(None),
            )
            .values(release_asked_by=actor.id, release_asked_at=clock.now()),
        )
        record(session, actor, "holds.ask_release", "hold", hold_id)


def release(
    session: Session, actor: Actor, hold_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> None:
    """Agree that a hold ends: from the next sweep on, periods count again.

    Raises `NotTheOther`, `AlreadySettled`.
    """
    with transaction(session):
        row = load(session, hold_id)
        if row.release_asked_at is None:
            raise AlreadySettled
        other_of_two(session, row.release_asked_by, actor.id, browser=browser)
        _settle(
            session,
            update(LegalHold)
            .where(LegalHold.id == hold_id, LegalHold.released_at.is_(None))
            .values(released_by=actor.id, released_at=clock.now()),
        )
        record(session, actor, "holds.release", "hold", hold_id)


def _settle(session: Session, statement: Any) -> None:
    done = session.execute(statement.execution_options(synchronize_session=False))
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise AlreadySettled
    session.expire_all()


def load(session: Session, hold_id: uuid.UUID) -> LegalHold:
    """Return a hold; raises `SubjectUnknown`."""
    row = session.get(LegalHold, hold_id)
    if row is None:
        raise SubjectUnknown
    return row


# --- two people ------------------------------------------------------------------------------


def roles_of(session: Session, account_id: uuid.UUID | None) -> frozenset[Role]:
    """Return which of the two an account is at this moment."""
    found = session.scalars(
        select(AccountRole.role)
        .join(Account, Account.id == AccountRole.account_id)
        .where(AccountRole.account_id == account_id, Account.status == AccountStatus.ACTIVE)
    )
    return PAIR & frozenset(found)


def _one_of_two(session: Session, account_id: uuid.UUID | None) -> None:
    if not roles_of(session, account_id):
        raise NotTheOther


def other_of_two(
    session: Session,
    first: uuid.UUID | None,
    second: uuid.UUID | None,
    *,
    browser: Sequence[str] = (),
) -> None:
    """Hold to privacy officer *and* administrator, two people; raises `NotTheOther`.

    Two accounts of one human are one (C-50); *browser* are the tokens of *second*'s.
    """
    one, other = roles_of(session, first), roles_of(session, second)
    if not one or not other or one | other != PAIR:
        raise NotTheOther
    if accounts.same_human(session, second, first, browser=browser):
        raise NotTheOther


# --- reading ---------------------------------------------------------------------------------


def waiting_count(session: Session, account_id: uuid.UUID) -> int:
    """Return how many holds or releases wait for somebody other than *account_id*."""
    return (
        session.scalar(
            select(func.count())
            .select_from(LegalHold)
            .where(
                LegalHold.refused_at.is_(None),
                LegalHold.released_at.is_(None),
                or_(
                    and_(LegalHold.approved_at.is_(None), LegalHold.asked_by != account_id),
                    and_(
                        LegalHold.release_asked_at.is_not(None),
                        LegalHold.release_asked_by != account_id,
                    ),
                ),
            )
        )
        or 0
    )
