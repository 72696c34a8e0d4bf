"""Decode one picture and make the JPEG that is kept. Runs in a decoder child and nowhere else.

What comes in was chosen by a stranger. Each format has its one decoder class, named here; Pillow
is never asked to guess. Sizes are judged by the header, before pixels are made. The way through:
cheap scale while decoding, sRGB, upright, exact size where one is asked, mark, JPEG.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageStat, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from heyan.custody import colour, encoding, marking, structure, webp

# The cheapest scale that brings the long side to 2800 or less is taken, so 1400 to 2800.
LONG_SIDE = 2800
# A picture whose long side is below this may be hard to read when enlarged.
SMALL = 1200
# Nor is a strip that is narrower than this.
NARROW = 300
DARK = 48
# How bright a picture is, every eighth pixel across and down tells well enough.
SAMPLE_EVERY = 8
# Below this much detail in its sharpest places a picture counts as blurred (`sharpness`).
BLURRED = 24
# How far the sides' ratio may be from the one that is asked for.
RATIO_TOLERANCE = 0.04
# Whole-picture formats are taken over in strips of about this many pixels.
STRIP_PIXELS = 2_000_000
# A page of a PDF with several is drawn with this long side.
PAGE_SIDE = 2000
PDF_PASSWORD = 4

Transpose = Image.Transpose
# What brings each EXIF orientation upright.
UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
# Degrees clockwise; Pillow counts the other way round.
TURNS = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}

# The limits are ours (`_measure`), from the header; Pillow's own would stop a large JPEG that
# shrinks while it loads.
Image.MAX_IMAGE_PIXELS = None


class Refused(Exception):
    """The picture is not taken: a code of `heyan.custody.images.REFUSALS`, limit, measured."""

    def __init__(
        self, code: str, limit: int | str | None = None, measured: int | str | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.limit = limit
        self.measured = measured


@dataclass
class Decoded:
    """An upright-to-be RGB picture; ``size`` is what came, before any shrinking."""

    image: Image.Image
    size: tuple[int, int]
    orientation: int = 1
    pages: int = 1


def process(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what was made of *data* (width, height, pages, warnings, sharpness) and the JPEG.

    Raises `Refused`.
    """
    try:
        structure.check(request["kind"], data)
        decoded = DECODERS[request["kind"]](request, data)
    except structure.TooManyPieces as error:
        raise Refused("too_many_pieces") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        ArithmeticError,
        RuntimeError,
        AttributeError,
        Image.DecompressionBombError,
        UnidentifiedImageError,
    ) as error:
        # Decoders answer broken input with many kinds of error; each means the same to a person.
        raise Refused("damaged") from error
    picture, size = decoded.image, decoded.size
    for step in (UPRIGHT.get(decoded.orientation), TURNS.get(request["rotation"])):
        if step is not None:
            picture = picture.transpose(step)
            if step not in (
                Transpose.FLIP_LEFT_RIGHT,
                Transpose.FLIP_TOP_BOTTOM,
                Transpose.ROTATE_180,
            ):
                size = (size[1], size[0])
    if request["width"] and request["height"]:
        picture = _exact(picture, size, (request["width"], request["height"]))
    sharp, warnings = _look(picture, exact=bool(request["width"]))
    if request["lines"]:
        marking.draw(picture, request["lines"])
    jpeg = encoding.encode(picture, request)
    head = {
        "width": jpeg.width,
        "height": jpeg.height,
        "pages": decoded.pages,
        "warnings": warnings,
        "sharpness": sharp,
    }
    return head, jpeg.data


def _measure(size: tuple[int, int], max_pixels: int, request: dict[str, Any]) -> None:
    """Judge what the header says, before any pixel is made."""
    long_side = max(size)
    if min(size) < 1:
        raise Refused("damaged")
    if long_side > request["max_side"]:
        raise Refused("side_too_long", request["max_side"], long_side)
    if size[0] * size[1] > max_pixels:
        raise Refused("too_many_pixels", max_pixels, size[0] * size[1])
    if long_side < request["min_side"]:
        raise Refused("too_small", request["min_side"], long_side)


def _factor(size: tuple[int, int]) -> int:
    return max(1, -(-max(size) // LONG_SIDE))


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001  # a broken EXIF block says nothing, and stops nobody
        return 1
    return found if found in UPRIGHT else 1


def _jpeg(request: dict[str, Any], data: bytes) -> Decoded:
    # The class itself, not `Image.open`: an MPO's further pictures are never looked at.
    image: Image.Image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    size = image.size
    _measure(size, request["max_jpeg_pixels"], request)
    scale = next((one for one in (1, 2, 4, 8) if max(size) <= one * LONG_SIDE), 8)
    image.draft(None, (size[0] // scale, size[1] // scale))
    # Handed to the decoder whole: it lies in memory already.
    image.decodermaxblock = len(data)  # type: ignore[attr-defined] # missing from its types
    orientation = _orientation(image)
    profile = image.info.get("icc_profile")
    image.load()
    image = _strips(image, _factor(image.size), colour.to_srgb(image.mode, profile))
    return Decoded(image, size, orientation)


def _png(request: dict[str, Any], data: bytes) -> Decoded:
    image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    size = image.size
    _measure(size, request["max_other_pixels"], request)
    image.load()
    profile = image.info.get("icc_profile")
    shrunk = _strips(image, _factor(size), colour.to_srgb(image.mode, profile))
    return Decoded(shrunk, size, _orientation(image))


def _webp(request: dict[str, Any], data: bytes) -> Decoded:
    size = webp.dimensions(data)
    _measure(size, request["max_other_pixels"], request)
    image, profile, orientation = webp.decode(data, size, _factor(size))
    image = _strips(image, _factor(image.size), colour.to_srgb(image.mode, profile))
    return Decoded(image, size, orientation)


def _heic(request: dict[str, Any], data: bytes) -> Decoded:
    import pillow_heif

    # The picture itself and nothing else that lies in the file.
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    pillow_heif.options.DECODE_THREADS = 2
    found = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    heif = found[found.primary_index]
    size = heif.size
    _measure(size, request["max_other_pixels"], request)
    pixels, mode, stride = heif.data, heif.mode, heif.stride
    profile: Any = heif.info.get("icc_profile")
    rows = _rows_of(memoryview(pixels), mode, size, stride)
    image = _gather(rows, size, _factor(size), colour.to_srgb(mode, profile))
    # libheif has turned the picture as its boxes say; what EXIF repeats of it does not count.
    return Decoded(image, size)


def _pdf(request: dict[str, Any], data: bytes) -> Decoded:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == PDF_PASSWORD or "assword" in str(error):
            raise Refused("pdf_encrypted") from error
        raise Refused("damaged") from error
    count = len(document)
    if count > request["max_pdf_pages"]:
        raise Refused("pdf_pages", request["max_pdf_pages"], count)
    if count < 1:
        raise Refused("damaged")
    side = min(request["pdf_long_side"], LONG_SIDE if count == 1 else PAGE_SIDE)
    drawn = []
    for number in range(count):
        page = document[number]
        scale = side / max(page.get_size())
        if min(page.get_size()) * scale < 1:
            raise Refused("damaged")
        drawn.append(page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB"))
    if count == 1:
        return Decoded(drawn[0], drawn[0].size)
    width, height = max(one.width for one in drawn), sum(one.height for one in drawn)
    together = Image.new("RGB", (width, height), "white")
    top = 0
    for one in drawn:
        together.paste(one, (0, top))
        top += one.height
    return Decoded(together, together.size, pages=count)


DECODERS: dict[str, Callable[[dict[str, Any], bytes], Decoded]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "HEIC": _heic,
    "PDF": _pdf,
}

Rows = Callable[[int, int], Image.Image]


def _rows_of(pixels: memoryview, mode: str, size: tuple[int, int], stride: int) -> Rows:
    """Return what gives rows of a raw buffer as a picture."""

    def rows(top: int, bottom: int) -> Image.Image:
        part = bytes(pixels[top * stride : bottom * stride])
        shape = (size[0], bottom - top)
        return Image.frombuffer(mode, shape, part, "raw", mode, stride, 1)

    return rows


def _strips(
    image: Image.Image, factor: int, to_srgb: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Return *image* shrunk by *factor* as sRGB, needing no second whole copy of it."""
    if factor == 1 and image.width * image.height <= 4 * STRIP_PIXELS:
        return to_srgb(image)
    if factor > 1 and image.mode in ("RGB", "L", "CMYK") and "transparency" not in image.info:
        return to_srgb(image.reduce(factor))

    def rows(top: int, bottom: int) -> Image.Image:
        return image.crop((0, top, image.width, bottom))

    return _gather(rows, image.size, factor, to_srgb)


def _gather(
    rows: Rows,
    size: tuple[int, int],
    factor: int,
    to_srgb: Callable[[Image.Image], Image.Image],
) -> Image.Image:
    width, height = size
    target = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    step = max(1, STRIP_PIXELS // width // factor) * factor
    for top in range(0, height, step):
        strip = to_srgb(rows(top, min(height, top + step)))
        target.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return target


def _exact(picture: Image.Image, size: tuple[int, int], wanted: tuple[int, int]) -> Image.Image:
    """Return *picture* with exactly the pixels that are asked for, a hair cut off at most."""
    came, asked = size[0] / size[1], wanted[0] / wanted[1]
    if abs(came / asked - 1) > RATIO_TOLERANCE:
        raise Refused("wrong_ratio", f"{wanted[0]}x{wanted[1]}", f"{size[0]}x{size[1]}")
    if max(size) < max(wanted):
        raise Refused("too_small", max(wanted), max(size))
    width, height = picture.size
    if width / height > asked:
        cut = (width - height * asked) / 2
        box = (cut, 0.0, width - cut, float(height))
    else:
        cut = (height - width / asked) / 2
        box = (0.0, cut, float(width), height - cut)
    return picture.resize(wanted, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _look(picture: Image.Image, *, exact: bool) -> tuple[int, list[str]]:
    """Return the sharpness, and what may make the picture hard to read."""
    sharp = sharpness(picture)
    warnings = []
    if sharp < BLURRED:
        warnings.append("blurred")
    if not exact and (max(picture.size) < SMALL or min(picture.size) < NARROW):
        warnings.append("small")
    few = (max(1, picture.width // SAMPLE_EVERY), max(1, picture.height // SAMPLE_EVERY))
    sample = picture.resize(few, Image.Resampling.NEAREST).convert("L")
    if ImageStat.Stat(sample).mean[0] < DARK:
        warnings.append("dark")
    return sharp, warnings


def sharpness(picture: Image.Image) -> int:
    """Return how much fine detail the sharpest places have: the variance of the Laplacian.

    Twelve places are looked at, and the third best counts, so that a plain background around a
    card does not make it blurred and one bright edge does not make it sharp.
    """
    from PIL import ImageFilter

    laplacian = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
    side = min(144, *picture.size)
    if side < 3:
        return 0
    found = []
    for across in range(4):
        for down in range(3):
            left = (picture.width - side) * (2 * across + 1) // 8
            top = (picture.height - side) * (2 * down + 1) // 6
            place = picture.crop((left, top, left + side, top + side)).convert("L")
            inner = place.filter(laplacian).crop((1, 1, side - 1, side - 1))
            found.append(ImageStat.Stat(inner).var[0])
    return round(sorted(found)[-3])
