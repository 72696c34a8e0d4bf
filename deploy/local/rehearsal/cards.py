"""Identity cards that never were, photographed on a desk: what the rehearsal hands in.

Drawn with Pillow; every card says that it is a specimen. The photographs carry what a phone's
do: camera, orientation, and the place where they were taken.
"""

from __future__ import annotations

import io
import random
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from deploy.local.variables import ROOT
from heyan.registrations.idnumbers import check_character

FONTS = (
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    ROOT / "site" / "heyan" / "custody" / "assets" / "NotoSansSC-mark.otf",
)
CARD = (1712, 1080)
PHOTO = (3000, 2250)
GPS = 0x8825


@dataclass(frozen=True)
class Holder:
    """A made-up person."""

    name: str
    born: date
    number: str
    phone: str


def holder(today: date, years: int = 15) -> Holder:
    """Return a person of that age whom nobody is: a sound number, a phone for this run."""
    surname, given = secrets.choice("赵钱孙李周吴郑王"), secrets.choice(("思远", "若晴", "子墨"))
    born = date(today.year - years, 3, 1 + secrets.randbelow(28))
    first17 = f"110105{born:%Y%m%d}{secrets.randbelow(900) + 100}"
    phone = "139" + "".join(secrets.choice("0123456789") for _ in range(8))
    return Holder(surname + given, born, first17 + check_character(first17), phone)


def _font(size: int) -> ImageFont.FreeTypeFont:
    found = next(path for path in FONTS if path.exists())
    return ImageFont.truetype(str(found), size)


def _blank(tint: tuple[int, int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    card = Image.new("RGB", CARD, tint)
    pen = ImageDraw.Draw(card)
    for at in range(-CARD[1], CARD[0], 34):
        fine = (tint[0] - 14, tint[1] - 8, tint[2] - 4)
        pen.line((at, 0, at + CARD[1], CARD[1]), fill=fine, width=2)
    pen.text((CARD[0] - 420, CARD[1] - 90), "样本 SPECIMEN", font=_font(44), fill=(170, 60, 50))
    return card, pen


def front(person: Holder) -> Image.Image:
    """Draw the side with the portrait."""
    card, pen = _blank((226, 236, 240))
    born = person.born
    lines = (
        ("姓名", person.name),
        ("性别", f"{'女男'[int(person.number[16]) % 2]}   民族 汉"),
        ("出生", f"{born.year} 年 {born.month} 月 {born.day} 日"),
        ("住址", "北京市朝阳区示例街道 1 号"),
    )
    for row, (label, value) in enumerate(lines):
        top = 120 + row * 150
        pen.text((110, top), label, font=_font(48), fill=(40, 90, 140))
        pen.text((270, top - 6), value, font=_font(58), fill=(25, 25, 30))
    pen.text((110, 880), "公民身份号码", font=_font(48), fill=(40, 90, 140))
    pen.text((470, 872), person.number, font=_font(66), fill=(25, 25, 30))
    pen.rounded_rectangle((1200, 150, 1600, 700), 18, fill=(205, 214, 222))
    pen.ellipse((1310, 220, 1490, 440), fill=(222, 190, 168))
    pen.pieslice((1250, 450, 1550, 900), 180, 360, fill=(70, 84, 110))
    pen.chord((1300, 200, 1500, 360), 180, 360, fill=(40, 34, 32))
    return card


def back(person: Holder) -> Image.Image:
    """Draw the side with the authority and the term."""
    card, pen = _blank((236, 226, 220))
    pen.ellipse((130, 110, 390, 370), outline=(180, 60, 50), width=14)
    pen.text((480, 130), "中华人民共和国", font=_font(80), fill=(30, 30, 30))
    pen.text((480, 260), "居 民 身 份 证", font=_font(96), fill=(30, 30, 30))
    pen.text((300, 720), "签发机关  示例市公安局朝阳分局", font=_font(56), fill=(30, 30, 30))
    issued = person.born.year + 10
    pen.text((300, 850), f"有效期限  {issued}.03.01-{issued + 20}.03.01", font=_font(56))
    return card


def photograph(card: Image.Image, *, turned: bool = False, tilt: float = 2.0) -> bytes:
    """Take a picture of *card* on a wooden desk, as a phone would store it (JPEG with EXIF)."""
    desk = Image.new("RGB", PHOTO, (126, 94, 66))
    pen = ImageDraw.Draw(desk)
    grain = random.Random(7)  # noqa: S311 - wood, not a secret
    for _line in range(260):
        top, shade = grain.randrange(PHOTO[1]), grain.randrange(-18, 18)
        pen.line((0, top, PHOTO[0], top + 40), fill=(126 + shade, 94 + shade, 66 + shade), width=3)
    laid = card.resize((2300, 1451)).convert("RGBA")
    laid = laid.rotate(tilt, expand=True, resample=Image.Resampling.BICUBIC)
    desk.paste(laid, ((PHOTO[0] - laid.width) // 2, (PHOTO[1] - laid.height) // 2), laid)
    taken = desk.filter(ImageFilter.GaussianBlur(0.6))
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Example", "Phone 12"
    exif[GPS] = {1: "N", 2: (39.0, 54.0, 26.4), 3: "E", 4: (116.0, 23.0, 29.2)}
    if turned:
        # Held upright: stored lying, with the orientation that says so.
        taken = taken.rotate(90, expand=True)
        exif[0x0112] = 6
    out = io.BytesIO()
    taken.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()
