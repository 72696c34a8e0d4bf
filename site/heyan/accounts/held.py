"""Which second factors an account holds, and taking all of them off."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import Session

from heyan.accounts import devices
from heyan.accounts.models import Account, Passkey, RecoveryCode, TotpFactor
from heyan.db import transaction
from heyan.notifications.service import notify


def has_factor(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has an authenticator or a passkey.

    A blocked passkey counts: were it none, a password alone would set up another factor.
    """
    session.flush()
    totp = exists().where(TotpFactor.account_id == account_id, TotpFactor.confirmed_at.is_not(None))
    passkey = exists().where(Passkey.account_id == account_id)
    return bool(session.scalar(select(or_(totp, passkey))))


def has_totp(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has a confirmed authenticator."""
    found = session.get(TotpFactor, account_id)
    return found is not None and found.confirmed_at is not None


def has_passkey(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has a passkey that still opens."""
    session.flush()
    usable = exists().where(Passkey.account_id == account_id, Passkey.blocked_at.is_(None))
    return bool(session.scalar(select(usable)))


def passkey_counts(session: Session, account_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many passkeys that still open each of the accounts has (those with any)."""
    rows = session.execute(
        select(Passkey.account_id, func.count())
        .where(Passkey.account_id.in_(list(account_ids)), Passkey.blocked_at.is_(None))
        .group_by(Passkey.account_id)
    )
    return {row[0]: row[1] for row in rows}


def drop_factor(session: Session, account: Account) -> None:
    """Delete authenticator, passkeys and recovery codes, forget known browsers, tell the owner."""
    with transaction(session):
        session.execute(delete(Passkey).where(Passkey.account_id == account.id))
        session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
        session.execute(delete(TotpFactor).where(TotpFactor.account_id == account.id))
        devices.forget(session, account.id)
        notify(session, account.id, "account_factor_removed")
