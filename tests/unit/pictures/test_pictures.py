"""Any picture a phone or scanner makes comes out upright, whole, RGB and clean (SECURITY 2, 3)."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from heyan.custody.images import ImageRefused, Limits, Mark, Normalised, PictureSpec, normalise
from heyan.custody.pool import DecoderPool
from tests.pictures import UPRIGHT, corner_names, corners, pdf, save, turned

MARK = Mark("华北科教协会", "第十二届华北青少年科创赛", "A7B3-22C1", "2026-11-24")
FORMS = ("JPEG", "PNG", "WebP", "HEIC")


def take(pool: DecoderPool, data: bytes, mark: Mark | None = None, **spec: int) -> Normalised:
    """Normalise without a mark, so that colours can be looked at."""
    return normalise(data, PictureSpec(**spec), mark, pool=pool)


def refusal(pool: DecoderPool, data: bytes, **spec: int) -> ImageRefused:
    with pytest.raises(ImageRefused) as caught:
        take(pool, data, **spec)
    return caught.value


def opened(made: Normalised) -> Image.Image:
    image = Image.open(io.BytesIO(made.data))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (made.width, made.height))
    return image


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(
    pool: DecoderPool, form: str, orientation: int
) -> None:
    """SECURITY 2."""
    made = take(pool, turned(form, orientation))
    assert corner_names(made.data) == UPRIGHT
    assert (made.width, made.height) == (1600, 1000)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_what_the_person_turned_is_turned_clockwise(pool: DecoderPool, degrees: int) -> None:
    made = take(pool, turned("JPEG", 6), rotation=degrees)
    order = ["top-left", "top-right", "bottom-right", "bottom-left"]
    moved = {order[(place + degrees // 90) % 4]: UPRIGHT[name] for place, name in enumerate(order)}
    assert corner_names(made.data) == moved


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(save(corners().convert("CMYK"), "JPEG"), id="cmyk"),
        pytest.param(save(corners(), "JPEG", progressive=True), id="progressive"),
        pytest.param(save(corners(), "JPEG", subsampling=0, quality=100), id="444"),
        pytest.param(save(corners().quantize(64), "PNG"), id="palette"),
        pytest.param(save(corners().quantize(16), "PNG", transparency=99), id="palette-alpha"),
        pytest.param(save(corners().convert("RGBA"), "PNG"), id="alpha"),
        pytest.param(save(corners().convert("RGBA"), "WebP", lossless=True), id="webp-alpha"),
        pytest.param(save(corners(), "WebP", quality=90), id="webp-lossy"),
        pytest.param(save(corners(4000, 2500), "PNG"), id="shrunk-png"),
        pytest.param(save(corners(4000, 2500), "WebP"), id="shrunk-webp"),
        pytest.param(save(corners(4000, 2500), "HEIC"), id="shrunk-heic"),
        pytest.param(save(corners(6000, 3750), "JPEG"), id="shrunk-jpeg"),
    ],
)
def test_every_kind_of_pixel_becomes_plain_rgb(pool: DecoderPool, data: bytes) -> None:
    """SECURITY 2."""
    made = take(pool, data)
    opened(made)
    assert corner_names(made.data) == UPRIGHT
    assert 1400 <= max(made.width, made.height) <= 2800


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_grey_of_any_depth_keeps_its_tones(pool: DecoderPool, mode: str) -> None:
    """SECURITY 2."""
    ramp = Image.linear_gradient("L").resize((1600, 1600))
    image = (
        ramp.convert("I").point(lambda value: value * 257).convert("I;16")
        if mode == "I;16"
        else ramp.convert(mode)
    )
    shown = opened(take(pool, save(image, "PNG"))).convert("L").reduce(16)
    assert shown.getpixel((50, 5)) < 60
    assert 90 < shown.getpixel((50, 50)) < 165
    assert shown.getpixel((50, 95)) > 195


def test_sixteen_bits_a_channel_become_eight(pool: DecoderPool) -> None:
    """SECURITY 2."""
    import struct
    import zlib

    from tests.pictures import chunk, png

    row = b"\0" + struct.pack(">HHH", 0xFFFF, 0x8000, 0x0000) * 1000
    data = png(1000, 800, 16, 2, chunk(b"IDAT", zlib.compress(row * 800)))
    red, green, blue = opened(take(pool, data)).getpixel((500, 400))
    assert red > 245
    assert 118 < green < 138
    assert blue < 12


def test_transparent_places_become_white(pool: DecoderPool) -> None:
    """SECURITY 2."""
    clear = Image.new("RGBA", (1600, 1000), (0, 0, 0, 0))
    for form in ("PNG", "WebP"):
        assert min(opened(take(pool, save(clear, form))).getpixel((800, 500))) > 250


def test_other_colour_spaces_are_converted(pool: DecoderPool) -> None:
    """SECURITY 2."""
    wide = _wide_gamut()
    image = Image.new("RGB", (1600, 1000), (200, 60, 60))
    for form in ("JPEG", "PNG", "WebP", "HEIC"):
        made = opened(take(pool, save(image, form, icc_profile=wide)))
        plain = opened(take(pool, save(image, form)))
        assert made.getpixel((800, 500)) != plain.getpixel((800, 500)), form
        assert "icc_profile" not in made.info


def _wide_gamut() -> bytes:
    """Return a profile with the primaries of red and green exchanged: no picture looks the same."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    tags = {bytes(profile[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))


@pytest.mark.parametrize("profile", [b"", b"\0" * 200, b"garbage" * 99, b"x" * 70_000])
def test_a_broken_profile_stops_nobody(pool: DecoderPool, profile: bytes) -> None:
    made = take(pool, save(corners(), "JPEG", icc_profile=profile))
    assert corner_names(made.data) == UPRIGHT


def test_one_visible_frame_and_no_hidden_one_survives(pool: DecoderPool) -> None:
    """SECURITY 2, C-08."""
    second = Image.effect_noise((1600, 1000), 90).convert("RGB")
    frames = {"save_all": True, "append_images": [second, second]}
    many = {
        "MPO": save(corners(), "MPO", **frames),
        "APNG": save(corners(), "PNG", **frames),
        "WebP": save(corners(), "WebP", lossless=True, **frames),
    }
    burst = pillow_heif.HeifFile()
    for one in (corners(), second, second):
        burst.add_from_pillow(one)
    out = io.BytesIO()
    burst.save(out, quality=80, primary_index=0)
    many["HEIC"] = out.getvalue()
    for name, data in many.items():
        made = take(pool, data)
        assert corner_names(made.data) == UPRIGHT, name
        assert made.data.count(b"\xff\xd8\xff") == 1
        assert made.data.endswith(b"\xff\xd9")


def test_the_scale_is_the_decoders_own(pool: DecoderPool) -> None:
    for side, expected in ((2800, 2800), (2802, 1401), (5600, 2800), (5608, 1402), (11300, 1413)):
        made = take(pool, save(Image.new("RGB", (side, 900), "grey"), "JPEG"))
        assert made.width == expected, side


@pytest.fixture(scope="session")
def exiftool() -> str:
    """The program. With CI set, its absence fails; else the test is left, as without a browser."""
    found = shutil.which("exiftool")
    if found is None and os.environ.get("CI"):
        pytest.fail("no exiftool here; .ci/run installs it")
    return found or pytest.skip("no exiftool here")


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_what_a_camera_writes_is_left(
    pool: DecoderPool, form: str, tmp_path: Path, exiftool: str
) -> None:
    """C-06, SECURITY 3."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B] = "Maker", "Model", "Somebody"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8769)[0x9286] = b"comment in EXIF"
    options: dict[str, object] = {"exif": exif.tobytes()}
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>where I live</x:xmpmeta>"
    if form == "JPEG":
        options |= {"comment": b"a comment", "xmp": xmp, "dpi": (300, 300)}
    elif form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "a comment")
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options |= {"pnginfo": text}
    else:
        options |= {"xmp": xmp}
    made = take(pool, save(corners(), form, **options) + b"trailing secret", MARK)
    file = tmp_path / "out.jpg"
    file.write_bytes(made.data)
    found = json.loads(
        subprocess.run(
            [exiftool, "-j", "-a", "-G1", "-u", file], capture_output=True, check=True
        ).stdout
    )[0]
    groups = {name.split(":")[0] for name in found} - {"SourceFile"}
    assert groups <= {"ExifTool", "System", "File", "JFIF", "Composite"}
    assert not any("Warning" in name or "Comment" in name for name in found)
    for trace in (b"Somebody", b"comment", b"where I live", b"trailing", b"Exif", b"adobe"):
        assert trace not in made.data


def test_the_mark_is_all_over_and_hides_nothing(pool: DecoderPool) -> None:
    white = save(Image.new("RGB", (2000, 1400), "white"), "PNG")
    grey = opened(take(pool, white, MARK)).convert("L")
    for left in range(0, 2000, 500):
        for top in range(0, 1400, 350):
            low, high = grey.crop((left, top, left + 500, top + 350)).getextrema()
            assert 100 < low < 200
            assert high > 250
    dark = opened(take(pool, save(Image.new("RGB", (2000, 1400), "black"), "PNG"), MARK))
    assert dark.convert("L").getextrema()[1] > 45


@pytest.mark.parametrize(
    "name",
    ["买买提·艾力·吐尔逊", "😀🎉", "\u202e反转", "𠮷野家", "ﷺ", "長" * 120, "a\nb\tc", "", "\x00"],
)
def test_any_name_can_be_drawn(pool: DecoderPool, name: str) -> None:
    mark = Mark(name, name, name, "2026-11-24")
    assert take(pool, save(corners(), "JPEG"), mark).width == 1600


def test_a_portrait_meets_its_exact_size_and_resolution(pool: DecoderPool) -> None:
    """C2."""
    data = save(corners(1000, 1400), "JPEG")
    made = take(
        pool, data, width=295, height=413, dpi=300, min_side=413, min_bytes=15_000, max_bytes=40_000
    )
    image = opened(made)
    assert image.size == (295, 413)
    assert image.info["dpi"] == (300, 300)
    assert 15_000 <= len(made.data) <= 40_000
    wrong = refusal(pool, save(corners(1400, 1000), "JPEG"), width=295, height=413, min_side=413)
    assert (wrong.code, wrong.limit, wrong.measured) == ("wrong_ratio", "295x413", "1400x1000")


def test_a_range_of_bytes_is_met_or_named(pool: DecoderPool) -> None:
    """C2."""
    noise = save(Image.effect_noise((2000, 1500), 80).convert("RGB"), "JPEG", quality=95)
    for high in (1_500_000, 600_000, 400_000):
        assert len(take(pool, noise, max_bytes=high).data) <= high
    tight = refusal(pool, noise, max_bytes=20_000)
    assert tight.code == "too_many_bytes"
    assert tight.limit == 20_000
    assert int(tight.measured or 0) > 20_000
    blank = save(Image.new("RGB", (1600, 1000), "white"), "JPEG")
    assert refusal(pool, blank, min_bytes=900_000).code == "too_few_bytes"


def test_what_may_be_hard_to_read_is_said(pool: DecoderPool) -> None:
    """SECURITY 7."""
    from tests.enrolment import picture

    sharp = Image.open(io.BytesIO(picture()))
    assert take(pool, picture()).warnings == ()
    blurred = take(pool, save(sharp.filter(ImageFilter.GaussianBlur(9)), "JPEG"))
    assert "blurred" in blurred.warnings
    dark = take(pool, save(sharp.point(lambda value: value // 8), "JPEG"))
    assert "dark" in dark.warnings
    assert "small" in take(pool, picture(900, 600)).warnings


def test_a_pdf_is_drawn_page_below_page(pool: DecoderPool) -> None:
    """SECURITY 2, C-07."""
    one = take(pool, pdf(1))
    assert (one.pages, max(one.width, one.height)) == (1, 2800)
    three = take(pool, pdf(3))
    assert three.pages == 3
    assert three.height > 2.5 * three.width
    active = b"/OpenAction << /S /JavaScript /JS (app.alert('evil payload here')) >>"
    made = take(pool, pdf(1, extra=active))
    assert b"evil payload" not in made.data
    many = refusal(pool, pdf(5))
    assert (many.code, many.limit, many.measured) == ("pdf_pages", 4, 5)


def test_limits_hold_exactly(pool: DecoderPool) -> None:
    """SECURITY 4."""
    limits = Limits(max_jpeg_pixels=1_600_000, max_side=2000, max_bytes=10**6, processes=1)
    spec = PictureSpec(limits=limits)
    assert normalise(save(corners(1600, 1000), "JPEG"), spec, None, pool=pool).width == 1600
    with pytest.raises(ImageRefused) as caught:
        normalise(save(corners(1600, 1001), "JPEG"), spec, None, pool=pool)
    assert (caught.value.code, caught.value.measured) == ("too_many_pixels", 1_601_600)
    with pytest.raises(ImageRefused) as caught:
        normalise(save(corners(2001, 100), "JPEG"), spec, None, pool=pool)
    assert (caught.value.code, caught.value.measured) == ("side_too_long", 2001)
    with pytest.raises(ImageRefused) as caught:
        normalise(save(corners(), "JPEG") + bytes(10**6), spec, None, pool=pool)
    assert caught.value.code == "file_too_large"
