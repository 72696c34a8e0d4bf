"""Pictures as phones make them, drawn here: grain, light that falls off, a card full of text."""

from __future__ import annotations

import io
from pathlib import Path

import pillow_heif
from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).resolve().parents[1] / "site/heyan/custody/assets/NotoSansSC-mark.otf"


def scene(width: int, height: int) -> Image.Image:
    """Return a card on a table, with a sensor's grain over all of it."""
    grain = Image.effect_noise((width, height), 26)
    light = Image.radial_gradient("L").resize((width, height)).point(lambda value: 190 - value // 2)
    table = Image.merge(
        "RGB", (light, light.point(lambda v: v * 9 // 10), light.point(lambda v: v * 7 // 10))
    )
    pen = ImageDraw.Draw(table)
    box = (width // 6, height // 5, width * 5 // 6, height * 4 // 5)
    pen.rounded_rectangle(box, width // 60, fill=(226, 232, 236))
    font = ImageFont.truetype(str(FONT), width // 45)
    for row in range(9):
        place = (box[0] + width // 30, box[1] + width // 40 + row * width // 22)
        pen.text(
            place,
            "姓名 王小满 公民身份号码 北京市通州区新华西街六十号"[: 22 + row % 4],
            fill=(40, 44, 52),
            font=font,
        )
    return Image.blend(table, Image.merge("RGB", (grain, grain, grain)), 0.22)


def jpeg(width: int, height: int, quality: int = 90) -> bytes:
    """Return the scene as a phone's JPEG."""
    out = io.BytesIO()
    scene(width, height).save(out, "JPEG", quality=quality)
    return out.getvalue()


def png(width: int, height: int) -> bytes:
    """Return the scene as a PNG, which keeps every grain."""
    out = io.BytesIO()
    scene(width, height).save(out, "PNG", compress_level=1)
    return out.getvalue()


def heic(width: int, height: int) -> bytes:
    """Return the scene as a phone's HEIC."""
    out = io.BytesIO()
    pillow_heif.from_pillow(scene(width, height)).save(out, quality=55)
    return out.getvalue()
