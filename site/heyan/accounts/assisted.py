"""What customer service may do to an account that somebody proved to be theirs (B4, C-34, C-35).

No password is seen or chosen here, and no second factor is taken off by a password's loss.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts import devices, sessions
from heyan.accounts.entry import check_new, find, login_index, set_password
from heyan.accounts.errors import LoginTaken
from heyan.accounts.held import drop_factor
from heyan.accounts.models import Account, AccountStatus
from heyan.accounts.passwords import hasher
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.settings import Settings


def public_account(
    session: Session, account_id: uuid.UUID, *, lock: bool = False
) -> Account | None:
    """Return a student's or parent's account that was not closed."""
    query = select(Account).where(
        Account.id == account_id,
        Account.realm == Realm.PUBLIC,
        Account.status != AccountStatus.CLOSED,
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).first()


def by_phone(session: Session, phone: str) -> Account | None:
    """Return the account of a number (E.164), by its blind index."""
    found = find(session, Realm.PUBLIC, phone)
    return found if found is not None and found.status is not AccountStatus.CLOSED else None


def shut(session: Session, account: Account) -> int:
    """End all sessions and known browsers and let nobody in; return how many sessions ended."""
    with transaction(session):
        account.status = AccountStatus.DISABLED
        devices.forget(session, account.id)
        return sessions.end_all(session, account.id)


def check_password(session: Session, settings: Settings, account: Account, new: str) -> None:
    """Raise `PasswordRefused` unless *new* may become the account's password."""
    check_new(session, settings, account, new)


def reset_password(
    session: Session, settings: Settings, account: Account, new: str, *, reopen: bool
) -> None:
    """Set a password that its owner chose, end every session, keep the second factor (C-35).

    With *reopen* a frozen account lets its owner in again.
    """
    with transaction(session):
        set_password(session, settings, account, new)
        if reopen:
            account.status = AccountStatus.ACTIVE
        notify(session, account.id, "account_password_changed")


def spend_as_much(settings: Settings, password: str) -> None:
    """Do the work that a right answer costs, so that a wrong one takes as long (C-32)."""
    hasher(settings).hash(password)


def move_login(session: Session, account: Account, phone: str) -> None:
    """Let another number hold the account; raises `LoginTaken`. Sessions and browsers end."""
    with transaction(session):
        if find(session, Realm.PUBLIC, phone) is not None:
            raise LoginTaken
        account.login, account.login_index = phone, login_index(Realm.PUBLIC, phone)
        devices.forget(session, account.id)
        sessions.end_all(session, account.id)


def drop_factors(session: Session, account: Account) -> None:
    """Take lost second factors off; the next sign-in sets one up where one is needed."""
    with transaction(session):
        drop_factor(session, account)
        sessions.end_all(session, account.id)
