"""How many pieces a file has, counted before a decoder walks them. Runs in a decoder child.

A picture has a handful of segments; a file made to hold a decoder up has millions, each costing a
step of Python or a pass over all pixels (C-04). What no camera and no program writes is refused
here, in milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Ancillary chunks of a PNG, segments of a JPEG before its data, chunks of a WebP.
MOST_ASIDE = 2000
# Pieces that the pixels themselves come in: IDAT by the kilobyte, frames of an animation.
MOST_PIECES = 50_000
# Each profile or text of a PNG may unfold to a megabyte; the real ones are a few.
MOST_UNFOLDING = 100
# Passes of a progressive JPEG over its pixels; encoders make about ten.
MOST_SCANS = 40
# A camera writes its notes once; an image editor's notes fill a few segments.
MOST_NOTES = 50
# Bytes between the segments of a JPEG that belong to none.
MOST_JUNK = 64 * 1024

_PNG_PIXELS = frozenset({b"IDAT", b"fdAT", b"fcTL"})
_PNG_UNFOLDING = frozenset({b"iCCP", b"zTXt", b"iTXt"})
_TO_MARKER = re.compile(rb"[^\xff]*\xff+")
# Inside the data of a scan, what is neither a stuffed byte nor a restart ends it.
_SCAN_ENDS = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
_SOS, _EOI = 0xDA, 0xD9
_EXIF, _EDITOR = 0xE1, 0xED
# Start, temporary, restarts and a stuffed byte: nothing follows that has a length.
_ALONE = frozenset({0x00, 0x01, 0xD8, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


class TooManyPieces(Exception):
    """More pieces than any real picture has."""


def check(kind: str, data: bytes) -> None:
    """Raise `TooManyPieces` for a file of *kind* that was made of too many.

    Raises ValueError where the pieces do not join.
    """
    walk = {"JPEG": _jpeg, "PNG": _png, "WebP": _webp}.get(kind)
    if walk is not None:
        walk(data)


def _png(data: bytes) -> None:
    at, pixels, aside, unfolding = 8, 0, 0, 0
    while at + 8 <= len(data):
        name = data[at + 4 : at + 8]
        if name in _PNG_PIXELS:
            pixels += 1
        else:
            aside += 1
            unfolding += name in _PNG_UNFOLDING
        if pixels > MOST_PIECES or aside > MOST_ASIDE or unfolding > MOST_UNFOLDING:
            raise TooManyPieces
        at += 12 + int.from_bytes(data[at : at + 4], "big")


def _webp(data: bytes) -> None:
    at, frames, aside = 12, 0, 0
    while at + 8 <= len(data):
        if data[at : at + 4] == b"ANMF":
            frames += 1
        else:
            aside += 1
        if frames > MOST_PIECES or aside > MOST_ASIDE:
            raise TooManyPieces
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2


def _jpeg(data: bytes) -> None:
    components, progressive, notes = 0, False, 0
    for marker, begin in _segments(data):
        if marker == _EDITOR or (marker == _EXIF and data.startswith(b"Exif\0", begin + 2)):
            notes += 1
            if notes > MOST_NOTES:
                raise TooManyPieces
        elif marker in _FRAMES:
            progressive = marker in _PROGRESSIVE
            components = int.from_bytes(data[begin + 7 : begin + 8], "big")
        elif marker == _SOS:
            # Only a picture in several scans is gone over more than once.
            if progressive or data[begin + 2 : begin + 3] < bytes([components]):
                _scans(data, begin)
            return


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield marker and begin of each segment up to the pixels."""
    at, junk, count = 2, 0, 0
    while (found := _TO_MARKER.match(data, at)) is not None and found.end() < len(data):
        junk += found.end() - at - 1
        count += 1
        if junk > MOST_JUNK:
            raise ValueError("more bytes of no segment than a damaged picture has")
        if count > MOST_ASIDE:
            raise TooManyPieces
        marker, at = data[found.end()], found.end() + 1
        if marker == _EOI:
            return
        if marker in _ALONE:
            continue
        yield marker, at
        at += max(2, int.from_bytes(data[at : at + 2], "big"))


def _scans(data: bytes, at: int) -> None:
    """Count the scans from the one at *at* on, and what stands between them."""
    scans, between = 1, 0
    while (found := _SCAN_ENDS.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            return
        scans += marker == _SOS
        between += 1
        if scans > MOST_SCANS or between > MOST_ASIDE:
            raise TooManyPieces
        if marker not in _ALONE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
