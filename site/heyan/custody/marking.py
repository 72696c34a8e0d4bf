"""The purpose, drawn all over a picture: small enough to read past, too much to cut away.

One tile is drawn for each picture and laid in staggered rows, slanted. Dark letters with a light
rim are readable on paper and on a dark table alike. Runs in a decoder child.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

FONT = Path(__file__).parent / "assets" / "NotoSansSC-mark.otf"
# What stands for a character that no font of ours has; printers use it for the same.
MISSING = "〓"
LINE_CHARACTERS = 22
LINES_EACH = 2
ANGLE = 28
DARK, LIGHT = (38, 46, 60), (255, 255, 255)
DARK_ALPHA, LIGHT_ALPHA = 96, 72
SMALLEST_LETTERS = 9
STRIPS = 20


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1)
def _empty_box() -> bytes:
    return bytes(_font(24).getmask("\uffff"))


@lru_cache(maxsize=4096)
def _drawable(character: str) -> bool:
    if character.isspace():
        return True
    return bytes(_font(24).getmask(character)) != _empty_box()


def readable(line: str) -> str:
    """Return *line* with every character that the font lacks replaced, and marks dropped."""
    kept = []
    for character in " ".join(line.split()):
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Mn", "Me"):
            continue
        if _drawable(character):
            kept.append(character)
            continue
        plain = unicodedata.normalize("NFKC", character)
        kept.append(plain if all(map(_drawable, plain)) else MISSING)
    return "".join(kept)


def _broken(line: str) -> list[str]:
    """Return *line* in pieces of bounded length; what is longer than two pieces ends in dots."""
    pieces, piece, length = [], "", 0.0
    for character in line:
        wide = 1.0 if ord(character) > 0x2E7F else 0.55
        if length + wide > LINE_CHARACTERS:
            pieces.append(piece.strip())
            piece, length = "", 0.0
        piece, length = piece + character, length + wide
    pieces.append(piece.strip())
    if len(pieces) > LINES_EACH:
        pieces = [*pieces[: LINES_EACH - 1], pieces[LINES_EACH - 1][:-1] + "…"]
    return [one for one in pieces if one]


def tile(lines: list[str], letters: int) -> tuple[Image.Image, Image.Image]:
    """Return the slanted text: its colours (RGB), and how much of them shows (L)."""
    font = _font(letters)
    words = [piece for line in lines for piece in _broken(readable(line))]
    height, lengths = round(letters * 1.4), [round(font.getlength(one)) for one in words]
    flat = Image.new("L", (max(lengths, default=1) + 4, height * max(1, len(words))))
    pen = ImageDraw.Draw(flat)
    for row, one in enumerate(words):
        place = (flat.width / 2, row * height + height / 2)
        pen.text(place, one, fill=255, font=font, anchor="mm")
    ink = flat.rotate(ANGLE, Image.Resampling.BILINEAR, expand=True)
    # The light letters lie a little lower and to the right of the dark ones, and under them.
    aside = max(1, letters // 16)
    light = ImageChops.offset(ink, aside, aside)
    colours = Image.new("RGB", ink.size, LIGHT)
    colours.paste(DARK, mask=ink)
    shown = ImageChops.lighter(
        ink.point([value * DARK_ALPHA // 255 for value in range(256)]),
        light.point([value * LIGHT_ALPHA // 255 for value in range(256)]),
    )
    return colours, shown


def draw(picture: Image.Image, lines: list[str]) -> None:
    """Draw *lines* all over *picture* (RGB), in place."""
    letters = max(SMALLEST_LETTERS, round(max(picture.size) / 58))
    colours, mask = tile(lines, letters)
    pieces = _inked(colours, mask)
    width, height = mask.width + 2 * letters, mask.height
    for row, top in enumerate(range(-height // 3, picture.height, height)):
        start = -width // 2 if row % 2 else -width // 8
        for left in range(start, picture.width, width):
            for across, down, colour, shown in pieces:
                picture.paste(colour, (left + across, top + down), shown)


def _inked(
    colours: Image.Image, mask: Image.Image
) -> list[tuple[int, int, Image.Image, Image.Image]]:
    """Return the upright strips of a tile that hold ink: where, colours, how much shows.

    More than half of a slanted tile is empty, and laying that costs as much as ink does.
    """
    pieces, step = [], -(-mask.width // STRIPS)
    for left in range(0, mask.width, step):
        strip = mask.crop((left, 0, min(left + step, mask.width), mask.height))
        if box := strip.getbbox():
            place = (left + box[0], box[1], left + box[2], box[3])
            pieces.append((place[0], place[1], colours.crop(place), strip.crop(box)))
    return pieces
