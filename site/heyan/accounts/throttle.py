"""How failed sign-ins slow the next one, the same for known and unknown names (SECURITY 20, 21).

Five failures are free, then one second doubling to fifteen minutes; a hundred in a row turn the
password off for strange browsers until it is changed. A browser that signed in before is counted
by itself, so nobody can lock its owner out from elsewhere (C-31). A try is charged before the
password is looked at, so that tries in parallel cannot slip past the count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Account
from heyan.db import transaction
from heyan.settings import Settings

# A counter without new failures is forgotten after this long (an account's own row is not).
REMEMBER = timedelta(days=30)
# Makes the row or takes it as it is; either way it stays locked until the transaction ends.
_TAKE = text(
    "INSERT INTO rate_limits (key, hits, expires_at) VALUES (:key, 0, :expires)"
    " ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING hits, expires_at"
)
_CHARGE = text("UPDATE rate_limits SET hits = :hits, expires_at = :expires WHERE key = :key")
_CLEAR = text("DELETE FROM rate_limits WHERE key = :key")


class Throttled(Exception):
    """The next try is allowed in ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class PasswordOff(Exception):
    """Too many failures in a row: the password no longer opens this account from here."""


@dataclass(frozen=True)
class Charge:
    """A try that was let through; ``failures`` counts it as failed until `clear`."""

    key: str
    failures: int


def delay(failures: int, settings: Settings) -> int:
    """Return how many seconds the next try has to wait after *failures* in a row."""
    beyond = failures - settings.login_free_failures
    if beyond <= 0:
        return 0
    return int(min(2 ** min(beyond - 1, 20), settings.login_max_delay_seconds))


def charge(
    session: Session,
    settings: Settings,
    key: str,
    *,
    account: Account | None = None,
    cap: bool = True,
) -> Charge:
    """Let a try through and count it as failed; raises `Throttled` or `PasswordOff`.

    *account* keeps a second, durable count, since the table of limits does not outlive a crash
    of the database. Without *cap* the delay alone holds.
    """
    moment = clock.now()
    with transaction(session):
        hits, expires = session.execute(_TAKE, {"key": key, "expires": moment + REMEMBER}).one()
        failures, last = (hits, expires - REMEMBER) if expires > moment else (0, moment)
        retry_at = last + timedelta(seconds=delay(failures, settings))
        if account is not None:
            failures = max(failures, account.failed_count)
            retry_at = max(retry_at, account.retry_after or retry_at)
        if cap and failures >= settings.login_max_failures:
            raise PasswordOff
        if moment < retry_at:
            raise Throttled(max(1, math.ceil((retry_at - moment).total_seconds())))
        failures += 1
        session.execute(_CHARGE, {"key": key, "hits": failures, "expires": moment + REMEMBER})
        if account is not None:
            account.failed_count = min(failures, 32000)
            account.retry_after = moment + timedelta(seconds=delay(failures, settings))
    return Charge(key, failures)


def clear(session: Session, key: str, *, account: Account | None = None) -> None:
    """Forget the failures of *key*: the right password came, or a new one was set."""
    with transaction(session):
        session.execute(_CLEAR, {"key": key})
        if account is not None:
            account.failed_count = 0
            account.retry_after = None
