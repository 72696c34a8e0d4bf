"""A lost number or second factor: proof seen by one clerk, confirmed by another, then 72 hours.

In those hours the old channels hear of it, and one tap there stops it (CONTROLS Q2, C-34). What is
written down is what was looked at, never a copy or a number of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts import assisted
from heyan.accounts import service as accounts
from heyan.accounts.entry import login_index
from heyan.accounts.errors import LoginTaken
from heyan.accounts.models import Account
from heyan.assistance import doors
from heyan.assistance.models import AccountChange, ChangeKind
from heyan.assistance.recovery import AccountUnknown
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import leave_number, notify
from heyan.settings import Settings

DELAY = timedelta(hours=72)
PROOFS = ("in_person", "organizer")
CHECKS = ("id_document", "registration_number", "organizer_letter")
# What stands on a change that its owner asked for, signed in, by "my data" (G2).
SIGNED_IN, CALLED_BACK = "signed_in", "called_back"
PAGE = 50


class ChangeUnknown(Exception):
    """There is no such change that is still open."""


class AskedAlready(Exception):
    """Such a change is under way for this account."""


class SamePerson(Exception):
    """Who asked for a change cannot confirm it."""


def ask(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    *,
    kind: ChangeKind,
    proof: str,
    checked: Sequence[str],
    phone: str | None = None,
) -> AccountChange:
    """Write down that somebody proved whose account it is; a second clerk has to confirm.

    Raises `AccountUnknown`, `AskedAlready`, and `LoginTaken` when the new number has an account.
    """
    known = set(checked) <= {*CHECKS, CALLED_BACK} and bool(checked)
    if actor.id is None or proof not in (*PROOFS, SIGNED_IN) or not known:
        raise ValueError(proof)
    if (kind is ChangeKind.PHONE) != (phone is not None):
        raise ValueError(kind)
    try:
        with transaction(session):
            if assisted.public_account(session, account_id, lock=True) is None:
                raise AccountUnknown
            if phone is not None and accounts.find(session, Realm.PUBLIC, phone) is not None:
                raise LoginTaken
            row = AccountChange(
                account_id=account_id,
                kind=kind,
                new_login=phone,
                new_login_index=login_index(Realm.PUBLIC, phone) if phone else None,
                proof=proof,
                checked=",".join(sorted(checked)),
                asked_by=actor.id,
                asked_at=clock.now(),
            )
            session.add(row)
            session.flush()
            record(
                session,
                actor,
                "assistance.ask_change",
                "account",
                account_id,
                kind=kind.value,
                proof=proof,
                checked=sorted(checked),
            )
    except IntegrityError as error:
        session.rollback()
        raise AskedAlready from error
    return row


def confirm(
    session: Session,
    settings: Settings,
    actor: Actor,
    change_id: uuid.UUID,
    *,
    browser: Sequence[str] = (),
) -> AccountChange:
    """Confirm as a second clerk: the 72 hours begin, and the old channels hear of it.

    Raises `ChangeUnknown`, `SamePerson`.
    """
    with transaction(session):
        row = _open(session, change_id)
        if row.confirmed_at is not None:
            raise ChangeUnknown
        if accounts.same_human(session, actor.id, row.asked_by, browser=browser):
            raise SamePerson
        account = assisted.public_account(session, row.account_id)
        if account is None:
            raise ChangeUnknown
        row.confirmed_by, row.confirmed_at = actor.id, clock.now()
        row.due_at = row.confirmed_at + DELAY
        notify(session, row.account_id, f"account_change_{row.kind.value}")
        doors.text_account(
            session,
            settings,
            kind=f"account_change_{row.kind.value}",
            phone=account.login,
            account_id=row.account_id,
        )
        record(session, actor, "assistance.confirm_change", "account", row.account_id)
    return row


def decline(session: Session, actor: Actor, change_id: uuid.UUID) -> None:
    """Take a change back from the staff's side; raises `ChangeUnknown`."""
    with transaction(session):
        row = _open(session, change_id)
        _end(row, "declined")
        record(session, actor, "assistance.decline_change", "account", row.account_id)


def stop(session: Session, actor: Actor, account_id: uuid.UUID, change_id: uuid.UUID) -> None:
    """Stop a change as the account's owner, by one tap; raises `ChangeUnknown`."""
    with transaction(session):
        row = _open(session, change_id)
        if row.account_id != account_id:
            raise ChangeUnknown
        _end(row, "stopped")
        notify(session, account_id, "account_change_stopped")
        record(session, actor, "assistance.stop_change", "account", account_id)


def carry_out(session: Session, actor: Actor, *, phone: str | None = None) -> int:
    """Carry out the changes whose time has come (of one number, old or new, with *phone*).

    They need the contact key, which only the web holds: whoever comes first after the 72 hours
    sets them off, the new number's owner at sign-in or a clerk's queue. Returns how many.
    """
    query = select(AccountChange.id).where(
        AccountChange.ended_at.is_(None), AccountChange.due_at <= clock.now()
    )
    if phone is not None:
        index = login_index(Realm.PUBLIC, phone)
        holder = select(Account.id).where(
            Account.realm == Realm.PUBLIC, Account.login_index == index
        )
        query = query.where(
            or_(AccountChange.new_login_index == index, AccountChange.account_id.in_(holder))
        )
    done = 0
    for change_id in session.scalars(query.limit(20)).all():
        done += _carry_out(session, actor, change_id)
    return done


def _carry_out(session: Session, actor: Actor, change_id: uuid.UUID) -> int:
    with transaction(session):
        try:
            row = _open(session, change_id)
        except ChangeUnknown:
            return 0
        account = assisted.public_account(session, row.account_id, lock=True)
        if account is None:
            _end(row, "declined")
            return 0
        try:
            if row.kind is ChangeKind.PHONE:
                assisted.move_login(session, account, row.new_login or "")
            else:
                assisted.drop_factors(session, account)
        except LoginTaken:
            _end(row, "declined")
            record(session, actor, "assistance.change", "account", account.id, outcome="refused")
            return 0
        _end(row, "done")
        notify(session, account.id, f"account_changed_{row.kind.value}")
        if row.kind is ChangeKind.PHONE:
            # It was told once more (C-39), and hears nothing of the account from now on.
            leave_number(session, account.id)
        record(session, actor, "assistance.change", "account", account.id, kind=row.kind.value)
    return 1


def _end(row: AccountChange, outcome: str) -> None:
    row.ended_at, row.outcome = clock.now(), outcome
    # The number is the account's from now on, or nobody's business.
    row.new_login = row.new_login_index = None


def _open(session: Session, change_id: uuid.UUID) -> AccountChange:
    row = session.get(AccountChange, change_id, with_for_update=True, populate_existing=True)
    if row is None or row.ended_at is not None:
        raise ChangeUnknown
    return row


# --- reading ----------------------------------------------------------------------------------


def underway(session: Session, account_id: uuid.UUID) -> list[AccountChange]:
    """Return an account's changes that are not over (two at most)."""
    return list(
        session.scalars(
            select(AccountChange)
            .where(AccountChange.account_id == account_id, AccountChange.ended_at.is_(None))
            .order_by(AccountChange.id)
        )
    )


def get(session: Session, change_id: uuid.UUID) -> AccountChange | None:
    """Return a change that waits for a second clerk."""
    row = session.get(AccountChange, change_id)
    return row if row is not None and row.ended_at is None else None


def queue(
    session: Session, *, after: uuid.UUID | None = None, limit: int = PAGE
) -> list[AccountChange]:
    """Return the changes that are not over, the newest first."""
    query = select(AccountChange).where(AccountChange.ended_at.is_(None))
    if after is not None:
        query = query.where(AccountChange.id < after)
    return list(session.scalars(query.order_by(AccountChange.id.desc()).limit(limit)))


def waiting_count(session: Session) -> int:
    """Return how many changes wait for a second clerk."""
    query = select(func.count()).select_from(AccountChange)
    return (
        session.scalar(
            query.where(AccountChange.ended_at.is_(None), AccountChange.confirmed_at.is_(None))
        )
        or 0
    )
