"""Pictures good and bad, all drawn or forged here; nothing is fetched."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pillow_heif
from PIL import Image, ImageDraw

# Where the coloured corners of `corners` lie when the picture stands upright.
UPRIGHT = {"top-left": "red", "top-right": "green", "bottom-left": "blue", "bottom-right": "white"}
# How to store a picture so that each EXIF orientation brings it upright.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def corners(width: int = 1600, height: int = 1000) -> Image.Image:
    """Return a picture with a colour of its own in each corner."""
    drawn = Image.new("RGB", (width, height), (120, 120, 120))
    pen = ImageDraw.Draw(drawn)
    for row in range(0, height, 16):
        pen.line((width // 3, row, width * 2 // 3, row), fill="black", width=3)
    w, h = width // 4, height // 4
    pen.rectangle((0, 0, w, h), fill=(255, 0, 0))
    pen.rectangle((width - w, 0, width, h), fill=(0, 255, 0))
    pen.rectangle((0, height - h, w, height), fill=(0, 0, 255))
    pen.rectangle((width - w, height - h, width, height), fill=(255, 255, 255))
    return drawn


def corner_names(data: bytes) -> dict[str, str]:
    """Return which colour stands in each corner of a JPEG."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    w, h = image.size
    places = {
        "top-left": (w // 8, h // 8),
        "top-right": (w - w // 8, h // 8),
        "bottom-left": (w // 8, h - h // 8),
        "bottom-right": (w - w // 8, h - h // 8),
    }
    return {name: _name(image.getpixel(place)) for name, place in places.items()}


def _name(pixel: Any) -> str:
    known = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    return min(
        known, key=lambda one: sum((a - b) ** 2 for a, b in zip(known[one], pixel, strict=True))
    )


def save(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return *image* in a format."""
    out = io.BytesIO()
    if form == "HEIC":
        pillow_heif.from_pillow(image).save(out, **{"quality": 80, **options})
    else:
        image.save(out, form, **options)
    return out.getvalue()


def turned(form: str, orientation: int) -> bytes:
    """Return the corners stored in an orientation that EXIF undoes."""
    image, how = corners(), _STORED.get(orientation)
    stored = image if how is None else image.transpose(how)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(stored, form, exif=exif.tobytes())


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int = 8, kind: int = 2, *chunks: bytes) -> bytes:
    """Return a PNG with any header, and whatever chunks."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """Return *count* zero bytes, compressed, without ever holding them."""
    squeeze, out = zlib.compressobj(9), []
    block = bytes(1024 * 1024)
    for start in range(0, count, len(block)):
        out.append(squeeze.compress(block[: min(len(block), count - start)]))
    return b"".join((*out, squeeze.flush()))


def one_bit_bomb(side: int = 65_000) -> bytes:
    """Return a PNG of *side* x *side* one-bit pixels, all there."""
    return png(side, side, 1, 0, chunk(b"IDAT", zeros(side * ((side + 7) // 8 + 1))))


def huge_frame(width: int = 65_500, height: int = 65_500) -> bytes:
    """Return a small JPEG whose frame header claims to be huge."""
    data = bytearray(save(corners(64, 64), "JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def pdf(pages: int = 1, *, extra: bytes = b"", objects: int = 0, size: str = "595 842") -> bytes:
    """Return a plain PDF with a word on each page, and anything else in it."""
    parts = ["%PDF-1.7\n"]
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(pages))
    root = extra.decode("latin-1")
    made = {
        1: f"<< /Type /Catalog /Pages 2 0 R {root} >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
    }
    for number in range(pages):
        here = 3 + 2 * number
        made[here] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size}] /Contents {here + 1} 0 R"
            " /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
            " >> >> >>"
        )
        words = " ".join(
            f"BT /F 24 Tf 40 {60 + 30 * row} Td (Page {number + 1} row {row}) Tj ET"
            for row in range(25)
        )
        made[here + 1] = f"<< /Length {len(words)} >>\nstream\n{words}\nendstream"
    start = 3 + 2 * pages
    for number in range(start, start + objects):
        made[number] = "<<>>"
    offsets, at = [], len(parts[0])
    for number, body in made.items():
        offsets.append(at)
        text = f"{number} 0 obj\n{body}\nendobj\n"
        parts.append(text)
        at += len(text)
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    parts.append(
        f"xref\n0 {len(made) + 1}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {len(made) + 1} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"
    )
    return "".join(parts).encode("latin-1")


def runs(payload: bytes, data: bytes, length: int = 16) -> list[bytes]:
    """Return every run of *length* bytes of *payload* that is found in *data*."""
    seen = {data[place : place + length] for place in range(len(data) - length + 1)}
    return [
        payload[place : place + length]
        for place in range(len(payload) - length + 1)
        if payload[place : place + length] in seen
    ]
