"""What is left of text that somebody typed or sent in a file. Knows neither forms nor requests."""

from __future__ import annotations


def strip(value: str | None) -> str | None:
    """Trim blanks, and drop characters that no name or answer holds (controls, bidi)."""
    if value is None:
        return None
    return "".join(char for char in value if char.isprintable()).strip()
