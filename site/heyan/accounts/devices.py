"""Browsers that signed in before: known for 30 days by a token of which only the hash is kept.

A known browser has a count of failures of its own (C-31). On a public account with an
authenticator it also stands in for the code; never on staff or organizer accounts.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import TrustedDevice
from heyan.db import transaction
from heyan.settings import Settings

# One browser may be known to several accounts (a family's computer).
TOKENS_KEPT = 4


def read_cookie(value: str | None) -> list[str]:
    """Return the tokens in the device cookie, the latest first."""
    return [part for part in (value or "").split(".") if 20 <= len(part) <= 64][:TOKENS_KEPT]


def write_cookie(token: str, others: Sequence[str]) -> str:
    """Return the cookie that holds *token* before the tokens already there."""
    return ".".join([token, *(other for other in others if other != token)][:TOKENS_KEPT])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def known(
    session: Session, account_id: uuid.UUID | None, tokens: Sequence[str]
) -> TrustedDevice | None:
    """Return the account's live device that one of *tokens* belongs to, if any."""
    return session.scalars(
        select(TrustedDevice).where(
            TrustedDevice.account_id == (account_id or uuid.UUID(int=0)),
            TrustedDevice.token_hash.in_([_hash(token) for token in tokens]),
            TrustedDevice.revoked_at.is_(None),
            TrustedDevice.expires_at > clock.now(),
        )
    ).first()


def remember(
    session: Session,
    settings: Settings,
    account_id: uuid.UUID,
    *,
    replacing: TrustedDevice | None = None,
) -> str:
    """Make this browser known to the account and return its token (256 bits)."""
    token, moment = secrets.token_urlsafe(32), clock.now()
    with transaction(session):
        if replacing is not None:
            replacing.revoked_at = moment
        session.add(
            TrustedDevice(
                account_id=account_id,
                token_hash=_hash(token),
                created_at=moment,
                # Days may be set to 0: then the browser is unknown again at once.
                expires_at=moment + timedelta(days=settings.trusted_device_days),
            )
        )
    return token


def forget(session: Session, account_id: uuid.UUID, *, but: Sequence[str] = ()) -> None:
    """Forget all of the account's browsers, *but* the one holding one of these tokens."""
    with transaction(session):
        session.execute(
            update(TrustedDevice)
            .where(
                TrustedDevice.account_id == account_id,
                TrustedDevice.revoked_at.is_(None),
                TrustedDevice.token_hash.not_in([_hash(token) for token in but]),
            )
            .values(revoked_at=clock.now())
        )
