"""By when a call is due, and when nobody is called."""

from __future__ import annotations

from datetime import datetime

import pytest

from heyan.clock import SHANGHAI
from heyan.leads.hours import due_after, may_call
from heyan.settings import Settings


def china(text: str) -> datetime:
    """A moment in China."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-11-24T10:15", "2026-11-25T10:15"),  # a Tuesday, within hours
        ("2026-11-27T15:00", "2026-11-30T15:00"),  # a Friday: Monday
        ("2026-11-24T06:00", "2026-11-24T20:00"),  # before hours: the same day
        ("2026-11-24T21:30", "2026-11-25T20:00"),  # after hours: the next day
        ("2026-11-28T11:00", "2026-11-30T20:00"),  # a Saturday: Monday
    ],
)
def test_a_call_is_due_within_a_working_day(settings: Settings, asked: str, due: str) -> None:
    """B2: one working day, counted from the next working hours."""
    assert due_after(settings, china(asked)) == china(due)


@pytest.mark.parametrize(
    ("hour", "allowed"), [("08:59", False), ("09:00", True), ("19:59", True), ("20:00", False)]
)
def test_calls_keep_to_the_hours(settings: Settings, hour: str, allowed: bool) -> None:
    """L-39: nobody is disturbed early or late."""
    assert may_call(settings, china(f"2026-11-24T{hour}")) is allowed
