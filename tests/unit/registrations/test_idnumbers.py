"""The checks of identity numbers (GB 11643-1999)."""

from __future__ import annotations

from datetime import date

import pytest

from heyan.registrations.idnumbers import (
    Fault,
    NumberKind,
    NumberRefused,
    check_character,
    check_number,
    parse_citizen,
)

TODAY = date(2026, 11, 24)
# Made up for this test; no region has this order number in use by us.
GOOD = "11010520120304003" + check_character("11010520120304003")


def fault_of(raw: str) -> Fault:
    with pytest.raises(NumberRefused) as refused:
        parse_citizen(raw, TODAY)
    return refused.value.fault


def test_a_sound_number_gives_birth_date_and_sex() -> None:
    found = parse_citizen(GOOD, TODAY)
    assert found.birth_date == date(2012, 3, 4)
    assert found.male is True


def test_the_standards_own_example_has_check_character_x() -> None:
    assert check_character("11010519491231002") == "X"
    assert parse_citizen("11010519491231002x", TODAY).number.endswith("X")


def test_blanks_and_full_width_digits_are_understood() -> None:
    assert parse_citizen("110105 19491231 002Ｘ", TODAY).number == "11010519491231002X"


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("", Fault.EMPTY),
        ("110105491231002", Fault.OLD_LENGTH),
        ("1101051949123100", Fault.LENGTH),
        ("11010519491231002A", Fault.CHARACTERS),
        ("1101051949123I002X", Fault.CHARACTERS),
        ("99010519491231002X", Fault.REGION),
        ("11000019491231002X", Fault.REGION),
        ("11010519491331002X", Fault.DATE),
        ("11010520990101002X", Fault.FUTURE),
        ("110105194912310020", Fault.CHECK),
    ],
)
def test_each_fault_is_named_by_itself(raw: str, fault: Fault) -> None:
    assert fault_of(raw) is fault


def test_any_single_wrong_digit_is_found() -> None:
    """C2."""
    for place in range(17):
        wrong = str((int(GOOD[place]) + 1) % 10)
        with pytest.raises(NumberRefused):
            parse_citizen(GOOD[:place] + wrong + GOOD[place + 1 :], TODAY)


def test_the_number_must_carry_the_students_birth_date() -> None:
    """C2."""
    assert check_number(GOOD, NumberKind.ID_CARD, date(2012, 3, 4), TODAY) == GOOD
    with pytest.raises(NumberRefused) as refused:
        check_number(GOOD, NumberKind.ID_CARD, date(2012, 3, 5), TODAY)
    assert refused.value.fault is Fault.BIRTH_DATE


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (NumberKind.PASSPORT, "E12345678"),
        (NumberKind.PASSPORT, "ea1234567"),
        (NumberKind.TRAVEL_PERMIT, "H12345678"),
        (NumberKind.TRAVEL_PERMIT, "M1234567890"),
        (NumberKind.TRAVEL_PERMIT, "12345678"),
    ],
)
def test_passports_and_permits_pass_by_their_form(kind: NumberKind, raw: str) -> None:
    assert check_number(raw, kind, date(2012, 3, 4), TODAY) == raw.upper()


@pytest.mark.parametrize("raw", ["", "E1", "<script>", "护照12345678", "A" * 30])
def test_nonsense_is_no_passport_number(raw: str) -> None:
    with pytest.raises(NumberRefused):
        check_number(raw, NumberKind.PASSPORT, date(2012, 3, 4), TODAY)
