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


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _full(name: bytes, version: int, *parts: bytes) -> bytes:
    return _box(name, bytes([version, 0, 0, 0]), *parts)


def heic_of_grids(depth: int) -> bytes:
    """Return a HEIC whose picture is a grid of 256 times a grid of ... of one tile of 64 x 64."""
    tile = save(Image.new("RGB", (64, 64), "white"), "HEIC")
    place = tile.index(b"hvcC") - 4
    config = tile[place : place + int.from_bytes(tile[place : place + 4], "big")]
    pixels = tile[tile.index(b"mdat") + 4 :]
    last = depth + 1
    kinds = [b"grid"] * depth + [b"hvc1"]
    held = [bytes([0, 1, 15, 15]) + struct.pack(">II", 1024, 1024)] * depth + [pixels]
    infos = [
        _full(b"infe", 2, struct.pack(">HH", n, 0), kind, b"\0") for n, kind in _counted(kinds)
    ]
    refs = [
        _box(b"dimg", struct.pack(">HH", n, 256), struct.pack(">H", n + 1) * 256)
        for n in range(1, last)
    ]
    sizes = [_full(b"ispe", 0, struct.pack(">II", side, side)) for side in (64, 1024)]
    links = [struct.pack(">HBB", n, 1, 3) for n in range(1, last)]
    links.append(struct.pack(">HBBB", last, 2, 1, 2))
    properties = _box(
        b"iprp",
        _box(b"ipco", config, *sizes),
        _full(b"ipma", 0, struct.pack(">I", last), *links),
    )
    kind = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")

    def meta(at: int) -> bytes:
        places = []
        for n, body in _counted(held):
            places.append(struct.pack(">HHHII", n, 0, 1, at, len(body)))
            at += len(body)
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, struct.pack(">H", 1)),
            _full(b"iinf", 1, struct.pack(">I", last), *infos),
            _full(b"iref", 0, *refs),
            properties,
            _full(b"iloc", 0, b"\x44\0", struct.pack(">H", last), *places),
        )

    return kind + meta(len(kind) + len(meta(0)) + 8) + _box(b"mdat", *held)


def _counted(items: list[bytes]) -> list[tuple[int, bytes]]:
    return list(enumerate(items, 1))


def pdf(
    pages: int = 1,
    *,
    extra: bytes = b"",
    objects: int = 0,
    size: str = "595 842",
    drawn: bytes = b"",
    resources: bytes = b"",
) -> bytes:
    """Return a plain PDF with a word on each page, and anything else in it.

    *extra* goes into its catalogue, *drawn* on each page with *resources* of its own.
    """
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
            f" >> {resources.decode('latin-1')} >> >>"
        )
        words = " ".join(
            f"BT /F 24 Tf 40 {60 + 30 * row} Td (Page {number + 1} row {row}) Tj ET"
            for row in range(25)
        ) + drawn.decode("latin-1")
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
