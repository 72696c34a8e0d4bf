"""Reminders some days before an end: which mark is reached, and whether it was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_


def untold(
    until: Any, reminded: Any, marks: Sequence[int], moment: datetime
) -> ColumnElement[bool]:
    """Return the condition: one of *marks* (days before *until*) is reached and was not told.

    *reminded* is the column of the last mark that was told, None for none.
    """
    return or_(
        *(
            (until <= moment + timedelta(days=days)) & (reminded.is_(None) | (reminded > days))
            for days in marks
        )
    )


def mark_of(until: datetime, marks: Sequence[int], moment: datetime) -> int:
    """Return the nearest of *marks* (ascending) that is reached; `StopIteration` before all."""
    return next(days for days in marks if until - moment <= timedelta(days=days))
