"""What differs between two frozen texts, and which of it people must be told of (S-109)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from heyan.policies.models import ChangeKind
from heyan.policies.sections import plain_lines

# Which kind a change in a column of a frozen table is, by its place in the row.
# collected: category, contents, purpose, basis, kept and afterwards, recipients.
_COLLECTED = (
    None,
    ChangeKind.SERVICE,
    ChangeKind.SERVICE,
    ChangeKind.SERVICE,
    ChangeKind.SERVICE,
    ChangeKind.RECIPIENTS,
)
# shared: recipient, contents, purpose, way.
_SHARED = (ChangeKind.RECIPIENTS, ChangeKind.SERVICE, ChangeKind.SERVICE, ChangeKind.SERVICE)
# retention: category, period, counted from, afterwards.
_RETENTION = (None, ChangeKind.SERVICE, ChangeKind.SERVICE, ChangeKind.SERVICE)
_COLUMNS = {"collected": _COLLECTED, "shared": _SHARED, "retention": _RETENTION}
# Who answers and how to reach them stands here.
CONTACT_SECTION = "contact"


@dataclass(frozen=True)
class Difference:
    """One difference that makes a change material: its kind, where it is, before and after."""

    kind: ChangeKind
    place: str
    before: str
    after: str


def forced(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return what of the registry's tables and of the contact differs between two contents.

    Whatever stands here makes the change material, whether its author thinks so or not. The
    Chinese text, which prevails, is compared.
    """
    old, new = before.get("zh", []), after.get("zh", [])
    found = _tables(_rows(old), _rows(new))
    was, now = _section(old, CONTACT_SECTION), _section(new, CONTACT_SECTION)
    if was != now:
        found.append(Difference(ChangeKind.CONTACT, CONTACT_SECTION, was, now))
    return found


def forced_kinds(differences: Iterable[Difference]) -> set[ChangeKind]:
    """Return the kinds that *differences* make compulsory."""
    return {one.kind for one in differences}


def _tables(old: Mapping[str, list[str]], new: Mapping[str, list[str]]) -> list[Difference]:
    found = []
    for row_id in dict.fromkeys((*old, *new)):
        columns = _COLUMNS.get(row_id.partition("-")[0])
        if columns is None:
            continue
        was, now = old.get(row_id), new.get(row_id)
        if was is None or now is None:
            # A category, or a recipient of one, came or went.
            kind = ChangeKind.RECIPIENTS if columns is _SHARED else ChangeKind.SERVICE
            found.append(Difference(kind, _name(was or now), _words(was), _words(now)))
            continue
        for kind_of, one, other in zip(columns, was, now, strict=False):
            if kind_of is not None and one != other:
                found.append(Difference(kind_of, _name(now), one, other))
    return found


def _rows(sections: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    return {
        str(row["id"]): [str(cell) for cell in row["cells"]]
        for section in sections
        for part in section["parts"]
        if part["kind"] == "table"
        for row in part["rows"]
    }


def _section(sections: Iterable[Mapping[str, Any]], name: str) -> str:
    return "\n".join(plain_lines([one for one in sections if one["id"] == name]))


def _name(cells: list[str] | None) -> str:
    return cells[0] if cells else ""


def _words(cells: list[str] | None) -> str:
    return " | ".join(cells) if cells else ""
