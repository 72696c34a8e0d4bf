"""Which second factors an account holds, and taking all of them off."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from heyan.accounts import devices
from heyan.accounts.models import Account, Passkey, RecoveryCode, TotpFactor
from heyan.db import transaction
from heyan.notifications.models import MessageChannel, Reach
from heyan.notifications.service import notify, set_sms_factor

TOTP, PASSKEY, SMS = "totp", "passkey", "sms"
# What ends all of them at once.
TABLES = (Passkey, RecoveryCode, TotpFactor)


def factors(session: Session, account_id: uuid.UUID) -> frozenset[str]:
    """Return the kinds of second factor that the account can answer with."""
    session.flush()
    totp = exists().where(TotpFactor.account_id == account_id, TotpFactor.confirmed_at.is_not(None))
    passkey = exists().where(Passkey.account_id == account_id, Passkey.blocked_at.is_(None))
    sms = exists().where(
        Reach.account_id == account_id,
        Reach.channel == MessageChannel.SMS,
        Reach.second_factor_at.is_not(None),
    )
    found = session.execute(select(totp, passkey, sms)).one()
    return frozenset(kind for kind, held in zip((TOTP, PASSKEY, SMS), found, strict=True) if held)


def has_factor(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has an authenticator, a passkey or codes by SMS.

    A blocked passkey counts: were it none, a password alone would set up another factor.
    """
    if factors(session, account_id):
        return True
    return bool(session.scalar(select(exists().where(Passkey.account_id == account_id))))


def has_totp(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has a confirmed authenticator."""
    found = session.get(TotpFactor, account_id)
    return found is not None and found.confirmed_at is not None


def has_passkey(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account has a passkey that still opens."""
    return PASSKEY in factors(session, account_id)


def has_sms(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether codes by SMS are a second factor of the account (Q16)."""
    return SMS in factors(session, account_id)


def passkey_counts(session: Session, account_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return how many passkeys that still open each of the accounts has (those with any)."""
    rows = session.execute(
        select(Passkey.account_id, func.count())
        .where(Passkey.account_id.in_(list(account_ids)), Passkey.blocked_at.is_(None))
        .group_by(Passkey.account_id)
    )
    return {row[0]: row[1] for row in rows}


def drop_factor(session: Session, account: Account) -> None:
    """Take every second factor and recovery code off, forget known browsers, tell the owner."""
    with transaction(session):
        for table in TABLES:
            session.execute(delete(table).where(table.account_id == account.id))
        set_sms_factor(session, account.id, on=False)
        devices.forget(session, account.id)
        notify(session, account.id, "account_factor_removed")
