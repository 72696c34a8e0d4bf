"""Limits shared by every process: a storage for `limits` on PostgreSQL, and how a view spends.

Counters stand in the unlogged table ``rate_limits``, in transactions of their own, so that a
refused or failed request still counts. A key never holds an address or a number, only a keyed
digest of it.
"""

from __future__ import annotations

import ipaddress
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.exceptions import TooManyRequests

from heyan import clock, web
from heyan.db import blind_index

_INCREMENT = text(
    "INSERT INTO rate_limits (key, hits, expires_at) VALUES (:key, :amount, :expires)"
    " ON CONFLICT (key) DO UPDATE SET"
    " hits = CASE WHEN rate_limits.expires_at <= :now THEN :amount"
    " ELSE rate_limits.hits + :amount END,"
    " expires_at = CASE WHEN rate_limits.expires_at <= :now THEN excluded.expires_at"
    " ELSE rate_limits.expires_at END"
    " RETURNING hits"
)
_READ = text("SELECT hits, expires_at FROM rate_limits WHERE key = :key AND expires_at > :now")


class PostgresStorage(Storage):
    """Counters of the `limits` package in PostgreSQL, seen by all processes at once."""

    STORAGE_SCHEME = ["heyan+postgresql"]  # noqa: RUF012 - the package's own declaration

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        super().__init__()
        self._sessions = sessions

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the package may take for a fault of the storage."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count *amount* more for *key*, whose window lasts *expiry* seconds; return the sum."""
        now = clock.now()
        values = {
            "key": key,
            "amount": amount,
            "now": now,
            "expires": now + timedelta(seconds=expiry),
        }
        with self._sessions.begin() as session:
            return int(session.execute(_INCREMENT, values).scalar_one())

    def get(self, key: str) -> int:
        """Return what was counted for *key* in its present window."""
        found = self._row(key)
        return int(found[0]) if found else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window of *key* ends, in seconds since the epoch."""
        found = self._row(key)
        return found[1].timestamp() if found else clock.now().timestamp()

    def check(self) -> bool:
        """Tell whether the table answers."""
        try:
            self._row("")
        except SQLAlchemyError:
            return False
        return True

    def reset(self) -> int | None:
        """Forget all counters; return how many there were."""
        with self._sessions.begin() as session:
            gone: Any = session.execute(text("DELETE FROM rate_limits"))
            return int(gone.rowcount)

    def clear(self, key: str) -> None:
        """Forget the counter of *key*."""
        with self._sessions.begin() as session:
            session.execute(text("DELETE FROM rate_limits WHERE key = :key"), {"key": key})

    def _row(self, key: str) -> tuple[int, datetime] | None:
        with self._sessions.begin() as session:
            found = session.execute(_READ, {"key": key, "now": clock.now()}).first()
        return None if found is None else (found[0], found[1].astimezone(UTC))


class LimitReached(TooManyRequests):
    """Too many of one thing from one place; the 429 page says when it may go on."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            description=_("短时间内次数太多，请在%(wait)s后再试。", wait=in_words(seconds)),
            retry_after=seconds,
        )


def in_words(seconds: int) -> str:
    """Return a waiting time as people say it, rounded up."""
    if seconds < 60:
        return str(_(" %(count)s 秒", count=max(1, seconds)))
    if seconds < 3600:
        return str(_(" %(count)s 分钟", count=math.ceil(seconds / 60)))
    return str(_(" %(count)s 小时", count=math.ceil(seconds / 3600)))


def source() -> str:
    """Return the place a request came from: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address(web.client_address())
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def spend(name: str, key: str, *rates: str) -> None:
    """Count one *name* for *key* against *rates* (``20/minute``); raises `LimitReached` (429).

    *key* is what is counted by, such as `source()`; it is stored only as a keyed digest.
    """
    limiter = FixedWindowRateLimiter(PostgresStorage(web.heyan().counters))
    digest = blind_index(key, f"limits.{name}").hex()
    reached: list[RateLimitItem] = []
    for rate in rates:
        item = parse(rate)
        if not limiter.hit(item, name, digest):
            reached.append(item)
    if reached:
        ends = max(limiter.get_window_stats(item, name, digest).reset_time for item in reached)
        raise LimitReached(max(1, math.ceil(ends - clock.now().timestamp())))
