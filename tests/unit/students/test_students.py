"""Names, days and ages as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from heyan.students.forms import clean_name, parse_day
from heyan.students.service import age_on


@pytest.mark.parametrize("raw", ["买买提•艾力", "买买提・艾力", "买买提·艾力", " 买买提‧艾力 "])
def test_every_middle_dot_becomes_the_one_on_the_card(raw: str) -> None:
    assert clean_name(raw) == "买买提·艾力"


def test_direction_marks_and_controls_are_dropped_from_names() -> None:
    assert clean_name("王\u202e小\x00满\n") == "王小满"


@pytest.mark.parametrize(
    "raw", ["2012-03-04", "2012/3/4", "20120304", "2012年3月4日", "２０１２－０３－０４"]
)
def test_a_day_may_be_written_in_many_ways(raw: str) -> None:
    assert parse_day(raw) == date(2012, 3, 4)


@pytest.mark.parametrize("raw", ["", "2012", "2012-02-30", "04-03-2012", "昨天"])
def test_what_is_no_day_is_refused(raw: str) -> None:
    with pytest.raises(ValueError):
        parse_day(raw)


def test_the_fourteenth_birthday_is_the_day_the_guardian_is_no_longer_asked() -> None:
    assert age_on("2012-11-24", date(2026, 11, 23)) == 13
    assert age_on("2012-11-24", date(2026, 11, 24)) == 14
    assert age_on("2012-02-29", date(2026, 2, 28)) == 13
    assert age_on("2012-02-29", date(2026, 3, 1)) == 14
