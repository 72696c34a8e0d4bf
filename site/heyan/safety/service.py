"""The verbs of flags: list them, and what people decide. Nothing here is decided by a program."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import service as accounts
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.audit.service import Actor, record
from heyan.classification import mask_name, mask_phone
from heyan.consent.service import Evidence
from heyan.contacts import service as contacts
from heyan.contacts.models import (
    Contact,
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactState,
)
from heyan.db import transaction
from heyan.events.models import Event
from heyan.events.wording import title_column
from heyan.notifications.service import notify
from heyan.registrations.models import Registration
from heyan.safety.models import FlagAct, FlagState, SafetyAct, SafetyFlag, SafetySubject
from heyan.settings import Settings
from heyan.students.models import Student

PAGE = 50
# A flag that nobody decided about for three days is overdue: batches go out meanwhile.
DECIDE_WITHIN = timedelta(days=3)
# After which acts of which state a flag stands in which.
NEXT: dict[tuple[FlagState, FlagAct], FlagState] = {
    (FlagState.OPEN, FlagAct.HOLD): FlagState.OPEN,
    (FlagState.OPEN, FlagAct.RESUME): FlagState.OPEN,
    (FlagState.OPEN, FlagAct.ASK): FlagState.OPEN,
    (FlagState.OPEN, FlagAct.TELL): FlagState.OPEN,
    (FlagState.OPEN, FlagAct.CLEAR): FlagState.CLEARED,
    (FlagState.OPEN, FlagAct.STOP): FlagState.STOPPED,
    # After an appeal.
    (FlagState.STOPPED, FlagAct.ASK): FlagState.STOPPED,
    (FlagState.STOPPED, FlagAct.CLEAR): FlagState.CLEARED,
}
# Acts upon some of those concerned, which somebody chooses one by one.
CHOSEN = frozenset({FlagAct.HOLD, FlagAct.STOP, FlagAct.ASK, FlagAct.TELL})


class FlagUnknown(Exception):
    """There is no such flag."""


class WrongTurn(Exception):
    """The flag stands where this cannot be done: somebody else decided meanwhile."""


class NobodyChosen(Exception):
    """This is done to some of those concerned, and none of them was named."""


class OwnFlag(Exception):
    """Nobody decides about themselves."""


@dataclass(frozen=True)
class Row:
    """A flag in the queue."""

    flag: SafetyFlag
    event: str
    subjects: int
    held: int
    overdue: bool


@dataclass(frozen=True)
class Line:
    """One that a flag is about, masked (L2)."""

    id: uuid.UUID
    account_id: uuid.UUID
    registration_id: uuid.UUID | None
    number: str
    name: str
    phone: str
    opened_at: datetime | None
    held_at: datetime | None


@dataclass(frozen=True)
class Done:
    """What somebody did, when and why."""

    act: FlagAct
    by: str
    at: datetime
    note: str


def listed(
    session: Session, *, state: FlagState | None, after: uuid.UUID | None, limit: int
) -> list[Row]:
    """Return flags, the newest first; with *state* only those in it."""
    counted = (
        select(
            SafetySubject.flag_id,
            func.count().label("subjects"),
            func.count(SafetySubject.held_at).label("held"),
        )
        .group_by(SafetySubject.flag_id)
        .subquery()
    )
    query = (
        select(SafetyFlag, title_column(), counted.c.subjects, counted.c.held)
        .outerjoin(Event, Event.id == SafetyFlag.event_id)
        .outerjoin(counted, counted.c.flag_id == SafetyFlag.id)
        .order_by(SafetyFlag.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(SafetyFlag.state == state)
    if after is not None:
        query = query.where(SafetyFlag.id < after)
    late = clock.now() - DECIDE_WITHIN
    return [
        Row(
            flag, title or "", subjects or 0, held or 0,
            flag.state is FlagState.OPEN and flag.raised_at < late,
        )
        for flag, title, subjects, held in session.execute(query)
    ]  # fmt: skip


def waiting(session: Session) -> tuple[int, int]:
    """Return how many flags nobody decided about yet, and how many of them are overdue."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(SafetyFlag.raised_at < clock.now() - DECIDE_WITHIN),
        ).where(SafetyFlag.state == FlagState.OPEN)
    ).one()
    return int(row[0]), int(row[1])


def get(session: Session, flag_id: uuid.UUID) -> Row:
    """Return one flag; raises `FlagUnknown`."""
    flag = session.get(SafetyFlag, flag_id)
    if flag is None:
        raise FlagUnknown
    title = session.scalar(select(title_column()).where(Event.id == flag.event_id))
    rows = session.scalars(select(SafetySubject).where(SafetySubject.flag_id == flag_id)).all()
    held = sum(row.held_at is not None for row in rows)
    late = flag.state is FlagState.OPEN and flag.raised_at < clock.now() - DECIDE_WITHIN
    return Row(flag, title or "", len(rows), held, late)


def lines(session: Session, flag_id: uuid.UUID) -> list[Line]:
    """Return whom a flag is about, masked; a registration's page opens more under a grant."""
    account_id = func.coalesce(Registration.account_id, SafetySubject.account_id)
    rows = session.execute(
        select(SafetySubject, Registration.number, Student.name, Account)
        .outerjoin(Registration, Registration.id == SafetySubject.registration_id)
        .outerjoin(Student, Student.id == Registration.student_id)
        .join(Account, Account.id == account_id)
        .where(SafetySubject.flag_id == flag_id)
        .order_by(SafetySubject.id)
    )
    return [
        Line(
            subject.id,
            account.id,
            subject.registration_id,
            number or "",
            mask_name(name or account.name or ""),
            mask_phone(account.login) if account.realm is Realm.PUBLIC else "",
            account.created_at,
            subject.held_at,
        )
        for subject, number, name, account in rows
    ]


def history(session: Session, flag_id: uuid.UUID) -> list[Done]:
    """Return what was done about a flag, the first first."""
    rows = session.execute(
        select(SafetyAct, Account.name)
        .join(Account, Account.id == SafetyAct.by)
        .where(SafetyAct.flag_id == flag_id)
        .order_by(SafetyAct.id)
    )
    return [Done(row.act, name or "", row.at, row.note) for row, name in rows]


def possible(state: FlagState) -> list[FlagAct]:
    """Return what a person may do about a flag that stands in *state*."""
    return [act for (there, act) in NEXT if there is state]


def decide(
    session: Session,
    settings: Settings,
    actor: Actor,
    evidence: Evidence,
    flag_id: uuid.UUID,
    *,
    act: FlagAct,
    note: str,
    chosen: Sequence[uuid.UUID] = (),
    browser: Sequence[str] = (),
) -> None:
    """Do *act* about a flag, for a reason on record (S-027, L-14); *chosen* are subjects' ids.

    *browser* are the device tokens of who decides (C-50). Raises `FlagUnknown`, `WrongTurn`,
    `NobodyChosen`, `OwnFlag`.
    """
    with transaction(session):
        flag = session.get(SafetyFlag, flag_id, with_for_update=True, populate_existing=True)
        if flag is None:
            raise FlagUnknown
        after = NEXT.get((flag.state, act))
        if after is None:
            raise WrongTurn
        subjects = session.scalars(
            select(SafetySubject)
            .where(SafetySubject.flag_id == flag_id)
            .order_by(SafetySubject.id)
            .with_for_update()
        ).all()
        whose = _owners(session, subjects)
        if any(accounts.same_human(session, actor.id, one, browser=browser) for one in whose):
            raise OwnFlag
        named = [row for row in subjects if row.id in set(chosen)]
        if act in CHOSEN and not named:
            raise NobodyChosen
        moment = clock.now()
        if after is not flag.state:
            flag.state, flag.decided_at, flag.decided_by = after, moment, actor.id
        session.add(SafetyAct(flag_id=flag_id, act=act, by=actor.id, at=moment, note=note))
        record(
            session, actor, f"safety.{act.value}", "flag", flag_id,
            kind=flag.kind.value, state=after.value,
            subjects=[row.registration_id or row.account_id for row in named],
        )  # fmt: skip
        if act is FlagAct.ASK:
            _ask(session, settings, actor, evidence, named, note)
        elif act is FlagAct.TELL:
            _tell_organizer(session, flag, named)
        else:
            # What is not named when it is stopped goes on.
            _hold(session, actor, subjects, named, keep=act is FlagAct.HOLD)


def _owners(session: Session, subjects: Sequence[SafetySubject]) -> set[uuid.UUID]:
    """Return the accounts that a flag is about, by themselves or by a registration of theirs."""
    named = {row.registration_id for row in subjects if row.registration_id is not None}
    of_registrations = session.scalars(
        select(Registration.account_id).where(Registration.id.in_(named))
    )
    return {row.account_id for row in subjects if row.account_id is not None} | set(
        of_registrations
    )


def _hold(
    session: Session,
    actor: Actor,
    subjects: Sequence[SafetySubject],
    named: Sequence[SafetySubject],
    *,
    keep: bool,
) -> None:
    """Hold the *named* back and let the others go on; with *keep* those held before stay so."""
    for row in subjects:
        before, wanted = row.held_at is not None, row in named
        if wanted == before or (keep and before):
            continue
        row.held_at = clock.now() if wanted else None
        row.held_by = actor.id if wanted else None
        kind = "registration_held" if wanted else "registration_resumed"
        for registration_id, account_id in _registrations(session, row):
            notify(session, account_id, kind, registration_id=registration_id)


def _registrations(session: Session, row: SafetySubject) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return the registrations of a subject with their accounts, those handed in."""
    of_it = (
        Registration.id == row.registration_id
        if row.registration_id is not None
        else Registration.account_id == row.account_id
    )
    found = session.execute(
        select(Registration.id, Registration.account_id).where(
            of_it, Registration.submitted_at.is_not(None), Registration.withdrawn_at.is_(None)
        )
    )
    return [(registration_id, account_id) for registration_id, account_id in found]


def _ask(
    session: Session,
    settings: Settings,
    actor: Actor,
    evidence: Evidence,
    named: Sequence[SafetySubject],
    note: str,
) -> None:
    """Have customer service ask those *named*: each an entry of the contact log."""
    owner = _clerk(session)
    for row in named:
        number = (
            session.scalar(
                select(Registration.number).where(Registration.id == row.registration_id)
            )
            if row.registration_id
            else None
        )
        contacts.write_down(
            session,
            settings,
            actor,
            evidence,
            contacts.Entry(
                channel=ContactChannel.CALL,
                direction=ContactDirection.OUTGOING,
                kind=ContactKind.ENQUIRY,
                note=note,
                account_id=row.account_id,
                registration_number=number or "",
                owner_id=owner,
            ),
        )


def _clerk(session: Session) -> uuid.UUID | None:
    """Return the clerk with the fewest open entries, or None when there is no clerk."""
    entries = select(Contact.owner_id, func.count().label("count"))
    counted = entries.where(Contact.state != ContactState.CLOSED).group_by(Contact.owner_id)
    load = counted.subquery()
    return session.scalars(
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .outerjoin(load, load.c.owner_id == Account.id)
        .where(AccountRole.role == Role.SERVICE, Account.status == AccountStatus.ACTIVE)
        .order_by(func.coalesce(load.c.count, 0), Account.id)
        .limit(1)
    ).first()


def _tell_organizer(session: Session, flag: SafetyFlag, named: Sequence[SafetySubject]) -> None:
    """Tell the members of the event's organizer which registrations to look at with care."""
    if flag.event_id is None:
        raise WrongTurn
    members = session.scalars(
        select(Account.id)
        .join(Event, Event.organization_id == Account.organization_id)
        .where(
            Event.id == flag.event_id,
            Account.realm == Realm.ORGANIZER,
            Account.status == AccountStatus.ACTIVE,
        )
    ).all()
    numbers = session.execute(
        select(Registration.id, Registration.number).where(
            Registration.id.in_([row.registration_id for row in named])
        )
    ).all()
    for account_id in members:
        for registration_id, number in numbers:
            notify(
                session, account_id, "safety_told",
                registration_id=registration_id, number=number or "",
            )  # fmt: skip
