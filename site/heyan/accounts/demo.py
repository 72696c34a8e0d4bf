"""The demonstration's accounts, and why production does not start beside one (C-40)."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.entry import login_index
from heyan.accounts.models import Account
from heyan.environment import SettingsError

# No other account is ever called so: the names say what they are.
LOGINS = {
    Realm.STAFF: ("demo-kefu", "demo-yunying", "demo-yinsi", "demo-guanli", "demo-shenji"),
    Realm.ORGANIZER: ("demo-hezi",),
    Realm.PUBLIC: ("+8613800138000",),
}


def demo_accounts(session: Session) -> int:
    """Return how many of the demonstration's accounts the database holds."""
    wanted = [login_index(realm, login) for realm, logins in LOGINS.items() for login in logins]
    return (
        session.scalar(
            select(func.count()).select_from(Account).where(Account.login_index.in_(wanted))
        )
        or 0
    )


def refuse_demo(session: Session) -> None:
    """Raise `SettingsError` when demo accounts exist, or when it cannot be told."""
    try:
        found = demo_accounts(session)
    except SQLAlchemyError as error:
        raise SettingsError(
            ["DATABASE_URL does not lead to a migrated database, so a start is not safe"]
        ) from error
    if found:
        raise SettingsError(
            [f"the database of DATABASE_URL holds {found} demo accounts; production has none"]
        )
