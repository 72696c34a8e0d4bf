"""Check identity numbers before they are sealed. Nothing here stores or logs one.

The citizen identity number follows GB 11643-1999: six digits of region, eight of birth date,
three of order (the last one odd for men), and a check character by ISO 7064 MOD 11-2.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
# GB/T 2260: provinces, regions and municipalities; 83 marks residence permits of Taiwan people.
PROVINCES = frozenset(
    {11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46}
    | {50, 51, 52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91}
)


class NumberKind(enum.Enum):
    """Which document the number stands on."""

    ID_CARD = "id_card"
    PASSPORT = "passport"
    TRAVEL_PERMIT = "travel_permit"


class Fault(enum.Enum):
    """What is wrong with a number."""

    EMPTY = "empty"
    OLD_LENGTH = "old_length"
    LENGTH = "length"
    CHARACTERS = "characters"
    REGION = "region"
    DATE = "date"
    FUTURE = "future"
    CHECK = "check"
    FORMAT = "format"
    BIRTH_DATE = "birth_date"


class NumberRefused(Exception):
    """The number cannot be right; ``fault`` says why and ``measured`` what was found."""

    def __init__(self, fault: Fault, measured: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.measured = measured


@dataclass(frozen=True)
class CitizenNumber:
    """A citizen identity number that holds together."""

    number: str
    birth_date: date
    male: bool


def clean(raw: str) -> str:
    """Return *raw* without blanks and dashes, in half width and capitals."""
    return re.sub(r"[\s\-·]", "", unicodedata.normalize("NFKC", raw)).upper()


def check_character(first17: str) -> str:
    """Return the MOD 11-2 check character of seventeen digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, WEIGHTS, strict=True))
    return CHECK[total % 11]


def parse_citizen(raw: str, today: date) -> CitizenNumber:
    """Return the checked number; raises `NumberRefused` with the first fault a person can mend."""
    number = clean(raw)
    if not number:
        raise NumberRefused(Fault.EMPTY)
    if len(number) == 15 and number.isdigit():
        raise NumberRefused(Fault.OLD_LENGTH, "15")
    if len(number) != 18:
        raise NumberRefused(Fault.LENGTH, str(len(number)))
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise NumberRefused(Fault.CHARACTERS)
    if int(number[:2]) not in PROVINCES or number[2:6] == "0000":
        raise NumberRefused(Fault.REGION, number[:2])
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError as error:
        raise NumberRefused(Fault.DATE) from error
    if born > today or born.year < today.year - 130:
        raise NumberRefused(Fault.FUTURE)
    if check_character(number[:17]) != number[17]:
        raise NumberRefused(Fault.CHECK)
    return CitizenNumber(number, born, male=int(number[16]) % 2 == 1)


def check_number(raw: str, kind: NumberKind, birth_date: date, today: date) -> str:
    """Return the number to seal; raises `NumberRefused`.

    A citizen number must carry the student's *birth_date*; passports and permits have no check
    character, so only their form is checked.
    """
    if kind is NumberKind.ID_CARD:
        found = parse_citizen(raw, today)
        if found.birth_date != birth_date:
            raise NumberRefused(Fault.BIRTH_DATE)
        return found.number
    number = clean(raw)
    if not number:
        raise NumberRefused(Fault.EMPTY)
    form = r"[A-Z0-9]{6,15}" if kind is NumberKind.PASSPORT else r"[A-Z]{0,2}[0-9]{7,10}[A-Z]?"
    if not re.fullmatch(form, number) or not re.search(r"[0-9]{4}", number):
        raise NumberRefused(Fault.FORMAT)
    return number
