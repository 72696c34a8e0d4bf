"""The offline list of common and breached passwords (C-29); see ``assets/README.md``.

Nothing asks a network whether a password is known. Run as a module to rebuild the file.
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).parent / "assets" / "common-passwords.bin"
WIDTH = 5
SHORTEST = 8


def entry(password: str) -> bytes:
    """Return what the file holds for *password*; case makes no difference."""
    return hashlib.sha256(password.lower().encode()).digest()[:WIDTH]


@lru_cache(maxsize=1)
def _entries() -> bytes:
    return FILE.read_bytes()


def size() -> int:
    """Return how many passwords are refused."""
    return len(_entries()) // WIDTH


def listed(password: str) -> bool:
    """Tell whether *password* is on the list."""
    entries, wanted = _entries(), entry(password)
    low, high = 0, len(entries) // WIDTH
    while low < high:
        middle = (low + high) // 2
        found = entries[middle * WIDTH : (middle + 1) * WIDTH]
        if found == wanted:
            return True
        if found < wanted:
            low = middle + 1
        else:
            high = middle
    return False


def build(source: Path, target: Path) -> int:
    """Write *target* from a list with one password a line; return how many it holds."""
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    entries = sorted({entry(line) for line in lines if len(line) >= SHORTEST})
    target.write_bytes(b"".join(entries))
    return len(entries)


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]), Path(sys.argv[2]))} passwords\n")
