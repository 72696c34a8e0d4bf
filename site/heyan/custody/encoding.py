"""The JPEG that is kept: inside the range of bytes, and nothing in it but the picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from heyan.custody import raster

QUALITY = 80
HIGHEST = 100
LOWEST = 40
# When even the lowest quality is too large, the picture shrinks, down to this long side.
SHORTEST = 1400


@dataclass(frozen=True)
class Jpeg:
    """An encoded picture."""

    data: bytes
    width: int
    height: int


def encode(picture: Image.Image, request: dict[str, Any]) -> Jpeg:
    """Return *picture* as a JPEG within ``min_bytes`` and ``max_bytes`` of *request*.

    Raises `raster.Refused` where no quality reaches the range.
    """
    # Comments and profiles of what came would be written again from here.
    picture.info = {}
    low, high, dpi = request["min_bytes"], request["max_bytes"], request["dpi"]
    data = _write(picture, QUALITY, dpi)
    if len(data) > high:
        return _smaller(picture, high, dpi, exact=bool(request["width"]))
    if len(data) < low:
        data = _larger(picture, low, high, dpi)
    return Jpeg(data, *picture.size)


def _write(picture: Image.Image, quality: int, dpi: int) -> bytes:
    out = io.BytesIO()
    # Full colour detail where much is asked for, as a camera would.
    chroma = 0 if quality > 92 else 2
    options: dict[str, Any] = {"dpi": (dpi, dpi)} if dpi else {}
    picture.save(out, "JPEG", quality=quality, subsampling=chroma, **options)
    return out.getvalue()


def _smaller(picture: Image.Image, high: int, dpi: int, *, exact: bool) -> Jpeg:
    """Return the best that fits into *high* bytes."""
    while True:
        best, lowest, highest = None, LOWEST, QUALITY - 1
        data = b""
        while lowest <= highest:
            middle = (lowest + highest) // 2
            data = _write(picture, middle, dpi)
            if len(data) <= high:
                best, lowest = data, middle + 1
                if len(data) > high * 0.85:
                    break
            else:
                highest = middle - 1
        if best is not None:
            return Jpeg(best, *picture.size)
        if exact or max(picture.size) <= SHORTEST:
            raise raster.Refused("too_many_bytes", high, len(data))
        scale = max(0.7, SHORTEST / max(picture.size))
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _larger(picture: Image.Image, low: int, high: int, dpi: int) -> bytes:
    """Return the smallest that has at least *low* bytes."""
    lowest, highest, best = QUALITY + 1, HIGHEST, b""
    largest = b""
    while lowest <= highest:
        middle = (lowest + highest) // 2
        data = _write(picture, middle, dpi)
        largest = max(largest, data, key=len)
        if len(data) < low:
            lowest = middle + 1
        else:
            highest = middle - 1
            if len(data) <= high:
                best = data
    if not best:
        raise raster.Refused("too_few_bytes", low, len(largest))
    return best
