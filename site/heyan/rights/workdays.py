"""Working days in mainland China, with the weekends that are worked instead (调休), from a file.

The State Council announces each year's days late in the year before. A year that is not in
``holidays.json`` yet is counted by plain weekdays, which gives a day that is rarely later than
the true one, and the result says that it is provisional; the staff's home asks for the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

from heyan import clock

FILE = Path(__file__).with_name("holidays.json")
SATURDAY = 5


class YearUnknown(Exception):
    """The working days of this year are not in ``holidays.json``."""


@dataclass(frozen=True)
class Deadline:
    """The end of a working day, and whether a year on the way was not announced yet."""

    at: datetime
    provisional: bool


@lru_cache(maxsize=1)
def _years() -> dict[int, tuple[frozenset[date], frozenset[date]]]:
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        int(year): (
            frozenset(date.fromisoformat(day) for day in one["off"]),
            frozenset(date.fromisoformat(day) for day in one["work"]),
        )
        for year, one in found.items()
    }


def is_working(day: date) -> bool:
    """Tell whether *day* is worked; raises `YearUnknown` when its year was not announced."""
    try:
        off, work = _years()[day.year]
    except KeyError as error:
        raise YearUnknown(str(day.year)) from error
    return day in work or (day.weekday() < SATURDAY and day not in off)


def after(moment: datetime, days: int) -> Deadline:
    """Return the end of the *days*-th working day after the one that *moment* falls on."""
    day, left, provisional = clock.local(moment).date(), days, False
    while left:
        day += timedelta(days=1)
        try:
            worked = is_working(day)
        except YearUnknown:
            worked, provisional = day.weekday() < SATURDAY, True
        left -= worked
    end = datetime.combine(day, time(23, 59, 59), tzinfo=clock.SHANGHAI)
    return Deadline(end, provisional)


def missing_year(today: date) -> int | None:
    """Return the year whose days are needed by now and not there: this one, or from November on
    the next.
    """
    needed = [today.year, *([today.year + 1] if today.month >= 11 else [])]
    return next((year for year in needed if year not in _years()), None)
