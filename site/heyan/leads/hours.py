"""When people may be called, and by when a call is due (L-39; one working day).

Hours are China's. Working days are Monday to Friday; a public holiday makes a call due earlier
than people expect, never later.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from heyan import clock
from heyan.settings import Settings

SATURDAY = 5


def may_call(settings: Settings, moment: datetime) -> bool:
    """Tell whether someone may be called at *moment*, on whatever day."""
    return settings.call_from_hour <= clock.local(moment).hour < settings.call_until_hour


def due_after(settings: Settings, moment: datetime) -> datetime:
    """Return by when a call asked for at *moment* is due.

    Asked within the hours of a working day: at the same time on the next one. Asked outside: by
    the end of the next working day's hours.
    """
    asked = clock.local(moment)
    hour = asked.hour + asked.minute / 60
    working = asked.weekday() < SATURDAY
    if working and settings.call_from_hour <= hour < settings.call_until_hour:
        return datetime.combine(_next_working(asked).date(), asked.timetz())
    early = working and hour < settings.call_from_hour
    return _closing(settings, asked if early else _next_working(asked))


def _next_working(day: datetime) -> datetime:
    following = day + timedelta(days=1)
    while following.weekday() >= SATURDAY:
        following += timedelta(days=1)
    return following


def _closing(settings: Settings, day: datetime) -> datetime:
    if settings.call_until_hour == 24:
        return datetime.combine(day.date() + timedelta(days=1), time(0), clock.SHANGHAI)
    return datetime.combine(day.date(), time(settings.call_until_hour), clock.SHANGHAI)
