"""Files that no camera made: each becomes a clean picture or a named refusal (SECURITY 1, 2, 4)."""

from __future__ import annotations

import random
import struct

import pytest

from heyan.custody.images import REFUSALS, ImageRefused, PictureSpec, normalise
from heyan.custody.pool import DecoderPool
from tests.pictures import corners, pdf, save

SMALL = corners(900, 600)
SEEDS = {
    "jpeg": save(SMALL, "JPEG"),
    "progressive": save(SMALL, "JPEG", progressive=True),
    "png": save(SMALL, "PNG"),
    "webp": save(SMALL, "WebP"),
    "heic": save(SMALL, "HEIC"),
    "pdf": pdf(1),
}


def outcome(pool: DecoderPool, data: bytes) -> str:
    """Return ``taken`` or the code of the refusal; anything else fails the test."""
    try:
        made = normalise(data, PictureSpec(), None, pool=pool)
    except ImageRefused as refused:
        return refused.code
    assert made.data.startswith(b"\xff\xd8")
    return "taken"


@pytest.mark.parametrize("name", SEEDS)
def test_flipped_bytes_are_taken_or_refused_by_name(pool: DecoderPool, name: str) -> None:
    """C-04, C-05: no decoder dies of them, and the next picture is taken."""
    chance = random.Random(name)
    for _each in range(25):
        data = bytearray(SEEDS[name])
        for _flip in range(chance.choice((1, 3, 20, 200))):
            within = chance.choice((600, len(data)))
            data[chance.randrange(min(within, len(data)))] = chance.randrange(256)
        found = outcome(pool, bytes(data))
        assert found == "taken" or found in REFUSALS
        assert found != "decoder_failed"
    assert outcome(pool, SEEDS[name]) == "taken"


def segments() -> bytes:
    """13 MB of application segments before the picture."""
    many = b"".join(b"\xff%c\xff\xff" % (0xE0 + n % 16) + b"x" * 65533 for n in range(200))
    return SEEDS["jpeg"][:2] + many + SEEDS["jpeg"][2:]


def restarts() -> bytes:
    """65,000 restart markers where the picture's data should begin."""
    place = SEEDS["jpeg"].index(b"\xff\xda") + 14
    return SEEDS["jpeg"][:place] + b"\xff\xd0" * 65_000 + SEEDS["jpeg"][place:]


def header(offset: int, value: bytes) -> bytes:
    """Change the JPEG's frame header."""
    data = bytearray(SEEDS["jpeg"])
    place = data.index(b"\xff\xc0") + offset
    data[place : place + len(value)] = value
    return bytes(data)


def claimed(side: int) -> bytes:
    """Let a HEIC claim another size than its picture has."""
    data = bytearray(SEEDS["heic"])
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", side, side)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(segments(), "taken", id="13-MB-of-segments"),
        pytest.param(restarts(), "taken", id="65000-restarts"),
        pytest.param(header(4, b"\x0c"), "damaged", id="twelve-bits"),
        pytest.param(header(1, b"\xc3"), "damaged", id="lossless-jpeg"),
        pytest.param(header(5, b"\0\0"), "damaged", id="no-height"),
        pytest.param(SEEDS["progressive"][:-3000], "damaged", id="cut-progressive"),
        pytest.param(SEEDS["jpeg"][:-2], "damaged", id="no-end-marker"),
        pytest.param(claimed(60_000), "side_too_long", id="heic-claims-60000"),
        pytest.param(claimed(6_000), "damaged", id="heic-claims-6000"),
        pytest.param(SEEDS["heic"] + b"<script>" * 99, "taken", id="script-behind-heic"),
        pytest.param(pdf(1, size="1e9 1e9"), "taken", id="pdf-page-too-large"),
        pytest.param(
            pdf(1).replace(b"/MediaBox", b"/UserUnit 75000 /MediaBox"), "taken", id="pdf-user-unit"
        ),
    ],
)
def test_forged_files_end_as_expected(pool: DecoderPool, data: bytes, expected: str) -> None:
    """C-02, C-04, C-08."""
    assert outcome(pool, data) == expected


def test_a_strip_nobody_can_read_is_said_to_be_one(pool: DecoderPool) -> None:
    """SECURITY 7: long enough, and two pixels wide."""
    made = normalise(save(corners(2000, 64), "PNG"), PictureSpec(), None, pool=pool)
    assert "small" in made.warnings
