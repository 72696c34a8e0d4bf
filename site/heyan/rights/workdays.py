"""Working days in mainland China, with the weekends that are worked instead (调休), from a file.

The State Council announces each year's days late in the year before. ``holidays.json`` has those
that were known at the release; the operator adds a year by a file of the same form
(``HOLIDAYS_FILE``). A year that neither has is counted by weekdays without the holidays whose date
the law itself fixes, and the result says that it is provisional. From 1 December on the privacy
officer's home and ``/readyz`` ask for the next year.
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
# Month and day; 全国年节及纪念日放假办法, second article, as of 2025. The other holidays follow the
# lunar calendar and the solar terms.
FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
ASKED_FROM_MONTH = 12
Years = dict[int, tuple[frozenset[date], frozenset[date]]]


EXAMPLE = '{"2027": {"off": ["2027-01-01"], "work": ["2027-01-03"]}}'


class FileUnusable(Exception):
    """The operator's file of holidays cannot be used; the message says why."""


class YearUnknown(Exception):
    """The working days of this year are in no file."""


@dataclass(frozen=True)
class Deadline:
    """The end of a working day, and whether a year on the way was not announced yet."""

    at: datetime
    provisional: bool


_more: Years = {}


def use_file(path: Path | None) -> None:
    """Add the years of the operator's file, which prevails; `FileUnusable` says why not."""
    global _more  # noqa: PLW0603 - a clock deep in a verb has no way to the settings
    _more = read(path) if path is not None else {}


def read(path: Path) -> Years:
    """Return the years of a file; `FileUnusable` unless each day is one of its year."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        years = {
            int(year): (
                frozenset(date.fromisoformat(day) for day in one["off"]),
                frozenset(date.fromisoformat(day) for day in one["work"]),
            )
            for year, one in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileUnusable(f"{path}: not readable as {EXAMPLE}") from error
    for year, (off, work) in years.items():
        if off & work or any(day.year != year for day in off | work):
            raise FileUnusable(f"{path}: {year} names a day twice, or one of another year")
    return years


@lru_cache(maxsize=1)
def _known() -> Years:
    return read(FILE)


def _years() -> Years:
    return {**_known(), **_more}


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
            worked = day.weekday() < SATURDAY and (day.month, day.day) not in FIXED
            provisional = True
        left -= worked
    end = datetime.combine(day, time(23, 59, 59), tzinfo=clock.SHANGHAI)
    return Deadline(end, provisional)


def missing_year(today: date) -> int | None:
    """Return the year whose days are needed and not there: this one, from December on the next."""
    needed = [today.year, *([today.year + 1] if today.month >= ASKED_FROM_MONTH else [])]
    return next((year for year in needed if year not in _years()), None)
