"""What a category of the registry says: its level, its ending, its floor, and the rest of it.

The categories themselves stand in `heyan.classification`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class Level(enum.IntEnum):
    """Grades of DESIGN section 3."""

    L1_PUBLIC = 1
    L2_CONTACT = 2
    L3_SENSITIVE = 3
    L4_IDENTITY = 4


class Ending(enum.Enum):
    """What happens when the period is over."""

    DELETE = "delete"
    SHRED = "shred"


@dataclass(frozen=True)
class Floor:
    """A law's shortest period: days, and the article that says so (S-060)."""

    days: int
    citation: str


@dataclass(frozen=True)
class Category:
    """One category of personal data.

    ``days`` counts from ``counted_from`` (both also in words, for the public table); None means
    as long as ``counted_from`` says. ``basis`` names the article the processing rests on, and
    ``recipients`` who outside the company gets it.
    """

    key: str
    level: Level
    label: Any
    items: Any
    purpose: Any
    basis: Any
    days: int | None
    counted_from: Any
    ending: Ending
    recipients: Any
    source: str
    # What may not go earlier, whoever asks.
    floor: Floor | None = None
    # Part of the copy that a person gets of their own data (PIPL 45).
    exported: bool = True
