"""Read another process's memory, as someone who has taken the whole host could."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

CHUNK = 16 * 1024 * 1024
OVERLAP = 4096


def family(pid: int) -> list[int]:
    """Return *pid* and every process that it or one of its children started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def find(pid: int, wanted: Mapping[str, bytes]) -> dict[str, int]:
    """Return how often each of *wanted* stands in the writable memory of process *pid*."""
    found = dict.fromkeys(wanted, 0)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for first, last in _regions(pid):
            _search(memory.fileno(), first, last, wanted, found)
    return {name: count for name, count in found.items() if count}


def _regions(pid: int) -> Iterable[tuple[int, int]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *_ = line.split()
        if rights.startswith("rw") and "[v" not in line:
            first, _, last = place.partition("-")
            yield int(first, 16), int(last, 16)


def _search(
    memory: int, first: int, last: int, wanted: Mapping[str, bytes], found: dict[str, int]
) -> None:
    at, before = first, b""
    while at < last:
        try:
            data = os.pread(memory, min(CHUNK, last - at), at)
        except OSError:
            return
        if not data:
            return
        for name, value in wanted.items():
            # What began in the piece before and ends here counts once.
            found[name] += data.count(value)
            found[name] += (before[-len(value) + 1 :] + data[: len(value) - 1]).count(value)
        before = data[-OVERLAP:]
        at += len(data)
