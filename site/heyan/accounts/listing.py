"""Lists of people who may sign in, a page at a time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts.held import passkey_counts
from heyan.accounts.models import (
    Account,
    AccountRole,
    AccountStatus,
    Invitation,
    LoginSession,
    TotpFactor,
)


@dataclass(frozen=True)
class Person:
    """A line in a list of people."""

    id: uuid.UUID
    login: str
    name: str
    roles: tuple[Role, ...]
    status: AccountStatus
    activated: bool
    has_factor: bool
    has_totp: bool
    passkeys: int
    invited_until: datetime | None
    live_sessions: int
    last_seen_at: datetime | None


def people(
    session: Session,
    realm: Realm,
    organization_id: uuid.UUID | None = None,
    *,
    role: Role | None = None,
    status: AccountStatus | None = None,
    only: uuid.UUID | None = None,
    after: uuid.UUID | None = None,
    limit: int = 200,
) -> list[Person]:
    """Return the accounts of *realm* (of one organizer), the newest first, a page at a time."""
    query = select(Account, TotpFactor.confirmed_at).outerjoin(TotpFactor)
    query = query.where(Account.realm == realm, Account.organization_id == organization_id)
    if role is not None:
        holders = select(AccountRole.account_id).where(AccountRole.role == role)
        query = query.where(Account.id.in_(holders))
    if status is not None:
        query = query.where(Account.status == status)
    if only is not None:
        query = query.where(Account.id == only)
    if after is not None:
        query = query.where(Account.id < after)
    rows = session.execute(query.order_by(Account.id.desc()).limit(limit)).all()
    ids = [account.id for account, _confirmed in rows]
    moment, keys = clock.now(), passkey_counts(session, ids)
    roles: dict[uuid.UUID, list[Role]] = {}
    for account_id, held in session.execute(
        select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(ids))
    ):
        roles.setdefault(account_id, []).append(held)
    invited: dict[uuid.UUID, datetime] = {
        row[0]: row[1]
        for row in session.execute(
            select(Invitation.account_id, func.max(Invitation.expires_at))
            .where(
                Invitation.account_id.in_(ids),
                Invitation.used_at.is_(None),
                Invitation.expires_at > moment,
            )
            .group_by(Invitation.account_id)
        )
    }
    live: dict[uuid.UUID, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(LoginSession.account_id, func.count())
            .where(LoginSession.account_id.in_(ids), LoginSession.revoked_at.is_(None))
            .group_by(LoginSession.account_id)
        )
    }
    return [
        Person(
            id=account.id,
            login=account.login,
            name=account.name or "",
            roles=tuple(sorted(roles.get(account.id, []), key=lambda role: role.value)),
            status=account.status,
            activated=account.password_hash is not None,
            has_factor=confirmed is not None or account.id in keys,
            has_totp=confirmed is not None,
            passkeys=keys.get(account.id, 0),
            invited_until=invited.get(account.id),
            live_sessions=live.get(account.id, 0),
            last_seen_at=account.last_seen_at,
        )
        for account, confirmed in rows
    ]
