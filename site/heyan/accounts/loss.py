"""A lost second factor is taken off by two people, after a delay its owner can use (C-34, Q2).

One who manages the account asks and says how the person was met or called back; another confirms;
then days pass in which the owner, told at both steps, may stop it. Nobody is handed a secret: when
the time has come, the next right password leads to setting up a new factor.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts import sessions
from heyan.accounts.errors import NotFound, ResetRefused
from heyan.accounts.held import drop_factor, has_factor
from heyan.accounts.models import (
    Account,
    AccountStatus,
    FactorReset,
    IdentityProof,
)
from heyan.accounts.twofold import same_human
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.settings import Settings

# A request nobody confirmed, or nobody used once due, is none any more.
OPEN_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Lost:
    """A line of the list: whose factor, who asked, what is awaited."""

    row: FactorReset
    realm: Realm
    organization_id: uuid.UUID | None
    name: str
    login: str
    asked_by: str
    confirmed_by: str


def ask(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    account_id: uuid.UUID,
    proof: IdentityProof,
    organization_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Ask that the account's second factors be taken off; its owner is told at once.

    Raises `NotFound`, and `ResetRefused` for one's own account, one without a factor, and one for
    which it is asked already.
    """
    moment = clock.now()
    with transaction(session):
        account = session.scalars(
            select(Account)
            .where(
                Account.id == account_id,
                Account.realm == realm,
                Account.organization_id == organization_id,
                Account.status == AccountStatus.ACTIVE,
            )
            .with_for_update()
        ).first()
        if account is None or actor.id is None:
            raise NotFound
        if account.id == actor.id or not has_factor(session, account.id):
            raise ResetRefused
        session.execute(
            update(FactorReset)
            .where(FactorReset.account_id == account.id, _stale())
            .values(ended_at=moment)
        )
        row = FactorReset(
            account_id=account.id, proof=proof, asked_by=actor.id, asked_at=moment, done=False
        )
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError as error:
            raise ResetRefused from error
        notify(session, account.id, "account_factor_reset_asked")
        record(
            session, actor, "accounts.factor_reset_ask", "account", account.id, proof=proof.value
        )
    return row.id


def _stale() -> ColumnElement[bool]:
    begun = func.coalesce(FactorReset.due_at, FactorReset.asked_at)
    return (FactorReset.ended_at.is_(None)) & (begun <= clock.now() - OPEN_FOR)


def confirm(
    session: Session,
    settings: Settings,
    actor: Actor,
    reset_id: uuid.UUID,
    *,
    browser: Sequence[str] = (),
) -> None:
    """Confirm another's request: from now on the delay runs, and the owner is told again.

    *browser* are the device tokens of who confirms. Raises `NotFound`, and `ResetRefused` where
    it is not open, or who confirms may be who asked, or whose account it is.
    """
    moment = clock.now()
    with transaction(session):
        row = session.get(FactorReset, reset_id, with_for_update=True, populate_existing=True)
        if row is None or actor.id is None:
            raise NotFound
        open_ = row.ended_at is None and row.confirmed_at is None
        if not open_ or row.asked_at <= moment - OPEN_FOR:
            raise ResetRefused
        for other in (row.asked_by, row.account_id):
            if same_human(session, actor.id, other, browser=browser):
                raise ResetRefused
        row.confirmed_by, row.confirmed_at = actor.id, moment
        row.due_at = moment + timedelta(hours=settings.factor_reset_hours)
        notify(session, row.account_id, "account_factor_reset_confirmed")
        record(session, actor, "accounts.factor_reset_confirm", "account", row.account_id)


def stop(session: Session, actor: Actor, reset_id: uuid.UUID) -> None:
    """Call a request off, by any who may ask or confirm; raises `ResetRefused` when it is over."""
    _end(session, actor, FactorReset.id == reset_id)


def stop_own(session: Session, actor: Actor, account_id: uuid.UUID) -> None:
    """Call off what was asked for one's own account; raises `ResetRefused` when there is none."""
    _end(session, actor, FactorReset.account_id == account_id)


def _end(session: Session, actor: Actor, which: ColumnElement[bool]) -> None:
    with transaction(session):
        ended = session.execute(
            update(FactorReset)
            .where(which, FactorReset.ended_at.is_(None))
            .values(ended_at=clock.now())
            .returning(FactorReset.account_id)
        ).first()
        if ended is None:
            raise ResetRefused
        record(session, actor, "accounts.factor_reset_stop", "account", ended.account_id)


def carry_out(session: Session, account: Account, actor: Actor) -> bool:
    """Take the factors off if a confirmed request is due; called with a right password in hand.

    Joins the caller's transaction. Sessions end; the owner hears that factors are gone.
    """
    moment = clock.now()
    done = session.execute(
        update(FactorReset)
        .where(
            FactorReset.account_id == account.id,
            FactorReset.ended_at.is_(None),
            FactorReset.due_at <= moment,
            FactorReset.due_at > moment - OPEN_FOR,
        )
        .values(ended_at=moment, done=True)
        .returning(FactorReset.id)
    ).first()
    if done is None:
        return False
    drop_factor(session, account)
    sessions.end_all(session, account.id)
    record(session, actor, "accounts.factor_reset", "account", account.id)
    return True


def of_realm(session: Session, realm: Realm, account_id: uuid.UUID) -> Account | None:
    """Return an account of *realm*, whoever's it is; for the company's own pages."""
    return session.scalars(
        select(Account).where(Account.id == account_id, Account.realm == realm)
    ).first()


def open_for(session: Session, account_id: uuid.UUID) -> FactorReset | None:
    """Return the open request for an account, if any."""
    return session.scalars(
        select(FactorReset).where(
            FactorReset.account_id == account_id, FactorReset.ended_at.is_(None), ~_stale()
        )
    ).first()


def listed(
    session: Session,
    *,
    realms: Sequence[Realm] = (Realm.STAFF, Realm.ORGANIZER),
    organization_id: uuid.UUID | None = None,
    after: uuid.UUID | None = None,
    limit: int = 51,
) -> list[Lost]:
    """Return the requests that are open, the newest first, a page at a time."""
    query = (
        select(FactorReset, Account)
        .join(Account, Account.id == FactorReset.account_id)
        .where(FactorReset.ended_at.is_(None), ~_stale(), Account.realm.in_(realms))
    )
    if organization_id is not None:
        query = query.where(Account.organization_id == organization_id)
    if after is not None:
        query = query.where(FactorReset.id < after)
    rows = session.execute(query.order_by(FactorReset.id.desc()).limit(limit)).all()
    ids = {each for row, _account in rows for each in (row.asked_by, row.confirmed_by) if each}
    names = {
        account_id: name or ""
        for account_id, name in session.execute(
            select(Account.id, Account.name).where(Account.id.in_(ids))
        )
    }
    return [
        Lost(
            row=row,
            realm=account.realm,
            organization_id=account.organization_id,
            name=account.name or "",
            login=account.login,
            asked_by=names.get(row.asked_by, ""),
            confirmed_by=names.get(row.confirmed_by, "") if row.confirmed_by else "",
        )
        for row, account in rows
    ]


def waiting(session: Session) -> int:
    """Return how many requests wait for a second person."""
    return (
        session.scalar(
            select(func.count())
            .select_from(FactorReset)
            .where(
                FactorReset.ended_at.is_(None),
                FactorReset.confirmed_at.is_(None),
                FactorReset.asked_at > clock.now() - OPEN_FOR,
            )
        )
        or 0
    )
