"""The one source of time. No other module asks the system for the date."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """Return the present moment, aware, in UTC.

    Outside production ``HEYAN_CLOCK_OFFSET`` (seconds) moves it, so that a test can live through
    a retention period; `heyan.settings` refuses that variable in production.
    """
    offset = os.environ.get("HEYAN_CLOCK_OFFSET")
    return present() + timedelta(seconds=float(offset)) if offset else present()


def present() -> datetime:
    """Return what this host's own clock says, to be compared with another host's."""
    return datetime.now(UTC)


def midnight(day: date) -> datetime:
    """Return the first moment of *day* in mainland China."""
    return datetime.combine(day, time(), tzinfo=SHANGHAI)


def local(moment: datetime) -> datetime:
    """Return *moment* as people in mainland China read it."""
    return moment.astimezone(SHANGHAI)
