"""Server-side sessions: begin, load, rotate, end (ASVS V7; numbers from CONTROLS section 5)."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_login import UserMixin
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Permission, Realm, Role, allowed
from heyan.accounts.models import Account, AccountRole, AccountStatus, LoginSession
from heyan.db import transaction
from heyan.settings import Settings

TOUCH_EVERY = timedelta(seconds=30)
# How long someone may take between password and second factor (also to set one up).
INCOMPLETE_FOR = timedelta(minutes=30)


@dataclass
class SignedIn(UserMixin):
    """Who is behind a request, as loaded from the session's row."""

    id: uuid.UUID
    account_id: uuid.UUID
    realm: Realm
    roles: frozenset[Role]
    display_name: str
    organization_id: uuid.UUID | None
    # False while a second factor is still owed.
    complete: bool
    second_factor_required: bool
    step_up_at: datetime | None
    expires_at: datetime
    # True where the operator asks for a new password now and then (staff only, CONTROLS Q17).
    password_due: bool = False
    flashes: list[Any] = field(default_factory=list)

    def get_id(self) -> str:
        return str(self.account_id)

    def may(self, permission: Permission) -> bool:
        """Tell whether this person holds *permission*, second factor given."""
        return self.complete and allowed(self.roles, permission)

    def stepped_up(self, settings: Settings) -> bool:
        """Tell whether a second factor was given within the step-up window (10 minutes)."""
        if self.step_up_at is None:
            return False
        return clock.now() - self.step_up_at <= timedelta(seconds=settings.step_up_seconds)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def begin(
    session: Session,
    settings: Settings,
    account: Account,
    *,
    complete: bool,
    source: str,
    user_agent: str,
) -> str:
    """Open a session and return its token (256 bits); the oldest beyond the realm's limit end.

    *complete* is False while a second factor is owed: such a session reaches only the pages that
    set one up or ask for it.
    """
    moment = clock.now()
    token = secrets.token_urlsafe(32)
    with transaction(session):
        make_room(session, settings, account, complete=complete)
        session.add(
            LoginSession(
                account_id=account.id,
                token_hash=_hash(token),
                created_at=moment,
                last_seen_at=moment,
                authenticated_at=moment if complete else None,
                step_up_at=None,
                source=source,
                user_agent=user_agent[:400],
                flashes=[],
            )
        )
        account.last_seen_at = moment
    return token


def make_room(session: Session, settings: Settings, account: Account, *, complete: bool) -> None:
    """End the oldest sessions, so that one more stays within the realm's limit.

    Those that still owe a second factor are counted by themselves: whoever has the password alone
    ends no session of the account's owner.
    """
    whole = LoginSession.authenticated_at.is_not(None)
    live = list(
        session.scalars(
            select(LoginSession)
            .where(
                LoginSession.account_id == account.id,
                LoginSession.revoked_at.is_(None),
                whole if complete else ~whole,
            )
            .order_by(LoginSession.created_at.desc())
            .with_for_update()
        )
    )
    for old in live[settings.concurrent_sessions(account.realm) - 1 :]:
        old.revoked_at = clock.now()


# Made once, for it is sent with every request of who is signed in: a row for each role.
_BY_TOKEN = (
    select(LoginSession, Account, AccountRole.role)
    .join(Account, Account.id == LoginSession.account_id)
    .outerjoin(AccountRole, AccountRole.account_id == Account.id)
    .where(LoginSession.token_hash == bindparam("token"), LoginSession.revoked_at.is_(None))
)


def load(session: Session, settings: Settings, token: str) -> SignedIn | None:
    """Return who holds *token*, or None when it is unknown, ended, idle or too old."""
    found = session.execute(_BY_TOKEN, {"token": _hash(token)}).all()
    if not found:
        return None
    row, account, _role = found[0]
    moment = clock.now()
    idle, absolute = settings.session_limits(account.realm)
    expires = min(row.last_seen_at + idle, row.created_at + absolute)
    if row.authenticated_at is None:
        expires = min(expires, row.created_at + INCOMPLETE_FOR)
    if moment >= expires or account.status is not AccountStatus.ACTIVE:
        return None
    if moment - row.last_seen_at >= TOUCH_EVERY:
        with transaction(session):
            session.execute(
                update(LoginSession)
                .where(LoginSession.id == row.id)
                .values(last_seen_at=moment)
                .execution_options(synchronize_session=False)
            )
        expires = min(moment + idle, row.created_at + absolute)
    roles = frozenset(role for _row, _account, role in found if role is not None)
    return SignedIn(
        id=row.id,
        account_id=account.id,
        realm=account.realm,
        roles=roles,
        display_name=account.name or "",
        organization_id=account.organization_id,
        complete=row.authenticated_at is not None,
        second_factor_required=account.second_factor_required,
        step_up_at=row.step_up_at,
        expires_at=expires,
        password_due=_password_due(settings, account, moment),
        flashes=list(row.flashes),
    )


def stands(session: Session, signed_in: SignedIn, permission: Permission) -> bool:
    """Tell whether *signed_in* may still go on with something long, such as a download (C-51).

    Not when signed out, disabled, or without a role that holds *permission*; time alone ends no
    answer that has begun.
    """
    row = session.execute(
        select(LoginSession.id)
        .join(Account, Account.id == LoginSession.account_id)
        .where(
            LoginSession.id == signed_in.id,
            LoginSession.revoked_at.is_(None),
            Account.status == AccountStatus.ACTIVE,
        )
    ).first()
    if row is None:
        return False
    roles = session.scalars(
        select(AccountRole.role).where(AccountRole.account_id == signed_in.account_id)
    )
    return allowed(frozenset(roles), permission)


def _password_due(settings: Settings, account: Account, moment: datetime) -> bool:
    days, changed = settings.staff_password_max_age_days, account.password_changed_at
    if not days or changed is None or account.realm is not Realm.STAFF:
        return False
    return moment - changed > timedelta(days=days)


def rotate(session: Session, session_id: uuid.UUID, *, complete: bool, step_up: bool) -> str:
    """Give the session a new token (sign-in completed, or step-up) and return it (ASVS 7.2.4)."""
    token = secrets.token_urlsafe(32)
    moment = clock.now()
    values: dict[str, Any] = {"token_hash": _hash(token), "last_seen_at": moment}
    if complete:
        values["authenticated_at"] = moment
    if step_up:
        values["step_up_at"] = moment
    with transaction(session):
        session.execute(update(LoginSession).where(LoginSession.id == session_id).values(**values))
    return token


def end(session: Session, account_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """End one of the account's own sessions; False when it is not theirs or already ended."""
    with transaction(session):
        ended = session.execute(
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.account_id == account_id,
                LoginSession.revoked_at.is_(None),
            )
            .values(revoked_at=clock.now())
        )
        return bool(ended.rowcount)  # type: ignore[attr-defined]


def end_all(session: Session, account_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """End all of an account's sessions (password change, disable), *but* one if given."""
    query = update(LoginSession).where(
        LoginSession.account_id == account_id, LoginSession.revoked_at.is_(None)
    )
    if but is not None:
        query = query.where(LoginSession.id != but)
    with transaction(session):
        return int(session.execute(query.values(revoked_at=clock.now())).rowcount)  # type: ignore[attr-defined]


def live(session: Session, settings: Settings, account: Account) -> list[LoginSession]:
    """Return the account's live sessions, the latest first."""
    idle, absolute = settings.session_limits(account.realm)
    moment = clock.now()
    return list(
        session.scalars(
            select(LoginSession)
            .where(
                LoginSession.account_id == account.id,
                LoginSession.revoked_at.is_(None),
                LoginSession.last_seen_at > moment - idle,
                LoginSession.created_at > moment - absolute,
            )
            .order_by(LoginSession.last_seen_at.desc())
        )
    )


def keep_flashes(session: Session, session_id: uuid.UUID, flashes: list[Any]) -> None:
    """Store the messages for the session's next page."""
    with transaction(session):
        session.execute(
            update(LoginSession).where(LoginSession.id == session_id).values(flashes=flashes)
        )
