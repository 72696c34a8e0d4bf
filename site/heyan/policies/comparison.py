"""Two versions side by side: which lines stayed, went, came, and what changed within a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

# A line that shares this much with another is the same line, changed.
SIMILAR = 0.5
_WORD = re.compile(r"[A-Za-z0-9]+|\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Change:
    """A stretch of words: ``kind`` is same, gone or new."""

    kind: str
    words: str


@dataclass(frozen=True)
class Line:
    """One line of the comparison: ``kind`` is same, gone, new or changed."""

    kind: str
    changes: tuple[Change, ...]


def compare(before: Sequence[str], after: Sequence[str]) -> list[Line]:
    """Return the lines of both texts in order, with what differs."""
    found: list[Line] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            found += [_whole("same", line) for line in before[start:end]]
        else:
            found += _replaced(before[start:end], after[new_start:new_end])
    return found


def _replaced(gone: Sequence[str], new: Sequence[str]) -> list[Line]:
    """Pair each new line with the most similar line that went, in order."""
    found: list[Line] = []
    left = list(gone)
    for line in new:
        scores = [SequenceMatcher(None, old, line, autojunk=False).ratio() for old in left]
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        if best is None or scores[best] < SIMILAR:
            found.append(_whole("new", line))
            continue
        found += [_whole("gone", old) for old in left[:best]]
        found.append(Line("changed", _within(left[best], line)))
        left = left[best + 1 :]
    return found + [_whole("gone", old) for old in left]


def _within(before: str, after: str) -> tuple[Change, ...]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    changes: list[Change] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            changes.append(Change("same", "".join(old[start:end])))
            continue
        if end > start:
            changes.append(Change("gone", "".join(old[start:end])))
        if new_end > new_start:
            changes.append(Change("new", "".join(new[new_start:new_end])))
    return tuple(changes)


def _whole(kind: str, line: str) -> Line:
    return Line(kind, (Change(kind, line),))
