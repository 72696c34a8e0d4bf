"""What a policy's text is made of, and how it is frozen into what a version keeps.

Texts are written with ``**…**`` around key passages and ``{name}`` for the operator's facts.
Frozen, a paragraph is a list of runs ``[words, strong, target]`` (``[words](#place)`` makes a
link): the page renders runs, never markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Runs = list[list[Any]]
# Only places on this site.
_LINK = re.compile(r"\[([^\]]+)\]\(((?:#|/)[a-z/-]+)\)")


@dataclass(frozen=True)
class Points:
    """A list of short sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Generated:
    """A table that comes from the registry: ``collected``, ``shared`` or ``retention``."""

    table: str


Part = str | Points | Generated


@dataclass(frozen=True)
class Section:
    """One section; ``clauses`` names what of the source policy and of the law it covers."""

    id: str
    title: str
    clauses: tuple[str, ...]
    parts: tuple[Part, ...]


def points(*items: str) -> Points:
    """Return a list of short sentences."""
    return Points(items)


def seeds(*numbers: int) -> tuple[str, ...]:
    """Return clause names: ``seeds(1, 12)`` is S-001 and S-012."""
    return tuple(f"S-{number:03}" for number in numbers)


def runs(text: str, facts: Mapping[str, str]) -> Runs:
    """Return *text* as runs of plain, strong and linked words, the facts filled in."""
    pieces = text.split("**")
    if len(pieces) % 2 == 0:
        raise ValueError(f"a key passage does not end: {text[:40]}")
    found: Runs = []
    for index, piece in enumerate(pieces):
        for words, target in _linked(piece):
            found.append([words.format_map(facts), bool(index % 2), target])
    return found


def _linked(piece: str) -> Iterator[tuple[str, str | None]]:
    place = 0
    for link in _LINK.finditer(piece):
        if link.start() > place:
            yield piece[place : link.start()], None
        yield link[1], link[2]
        place = link.end()
    if place < len(piece):
        yield piece[place:], None


def freeze(
    sections: Sequence[Section],
    facts: Mapping[str, str],
    tables: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return *sections* as plain data: what the page renders and the digest is taken of."""
    return [
        {
            "id": section.id,
            "title": section.title,
            "clauses": list(section.clauses),
            "parts": [_freeze_part(part, facts, tables) for part in section.parts],
        }
        for section in sections
    ]


def _freeze_part(
    part: Part, facts: Mapping[str, str], tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    if isinstance(part, Points):
        return {"kind": "list", "items": [runs(item, facts) for item in part.items]}
    if isinstance(part, Generated):
        return {"kind": "table", **tables[part.table]}
    return {"kind": "paragraph", "runs": runs(part, facts)}


def plain_lines(sections: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a frozen text as lines of words, for comparing two versions."""
    lines: list[str] = []
    for section in sections:
        lines.append(str(section["title"]))
        for part in section["parts"]:
            if part["kind"] == "paragraph":
                lines.append(_words(part["runs"]))
            elif part["kind"] == "list":
                lines.extend(f"· {_words(item)}" for item in part["items"])
            else:
                lines.append(str(part["caption"]))
                lines.extend(" | ".join(row["cells"]) for row in part["rows"])
    return lines


def _words(found: Runs) -> str:
    return "".join(str(run[0]) for run in found)
