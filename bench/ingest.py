"""How long one picture takes from its bytes to sealed bytes, the mark and the child included.

The floor is pyvips in this process: `thumbnail_buffer` to 2,000 pixels and a JPEG of it, nothing
else. Both run in turns on the same bytes; medians count. Prints ``name value floor ratio``,
milliseconds, and at the end the child's peak memory above idle at 48 megapixels, in MB, against
the 200 MB it may take.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "site"), str(ROOT / "bench")]

import _pictures  # noqa: E402
import _vault  # noqa: E402
import pillow_heif  # noqa: E402
import pyvips  # noqa: E402

from heyan.custody.images import Limits, Mark, PictureSpec, normalise  # noqa: E402
from heyan.custody.pool import DecoderPool  # noqa: E402
from heyan.custody.sealing import seal  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
SIDE = 2000
MIB = 1024 * 1024
MEMORY_ALLOWED = 200


def in_turns(one: Callable[[], object], other: Callable[[], object], rounds: int) -> list[float]:
    """Return the median milliseconds of each, run one after the other *rounds* times."""
    took: list[list[float]] = [[], []]
    for turn in range(rounds + 1):
        for index, work in enumerate((one, other)):
            began = time.perf_counter()
            work()
            if turn:
                took[index].append((time.perf_counter() - began) * 1000)
    return [statistics.median(each) for each in took]


def by_vips(data: bytes) -> bytes:
    """Return the floor's JPEG."""
    return bytes(pyvips.Image.thumbnail_buffer(data, SIDE).jpegsave_buffer())


def by_vips_from_heif(data: bytes) -> bytes:
    """Return the floor's JPEG where libvips comes without HEIF: libheif's pixels, then vips."""
    found = pillow_heif.open_heif(data)
    plain = found[found.primary_index].to_pillow()
    return bytes(pyvips.Image.new_from_array(plain).thumbnail_image(SIDE).jpegsave_buffer())


def peak(pool: DecoderPool, field: str) -> int:
    """Return *field* of the child's memory in kilobytes."""
    lines = Path(f"/proc/{pool.pids()[0]}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def main() -> None:
    key = _vault.key()
    spec = PictureSpec(max_bytes=2_000_000)

    def ours(data: bytes, pool: DecoderPool) -> bytes:
        mark = Mark(
            "华北科教协会", "第十二届华北青少年科创赛", uuid.uuid4().hex[:8].upper(), "2026-11-24"
        )
        made = normalise(data, spec, mark, pool=pool)
        return seal(made.data, key, _vault.context(key)).ciphertext

    pool = DecoderPool(Limits(processes=1))
    # The picture is loaded once by each before anything counts.
    cases: list[tuple[str, bytes, Callable[[bytes], bytes], int]] = [
        ("ingest.jpeg_12mp", _pictures.jpeg(4000, 3000), by_vips, ROUNDS),
        ("ingest.jpeg_48mp", _pictures.jpeg(8000, 6000), by_vips, ROUNDS // 2 + 1),
        ("ingest.png_12mp", _pictures.png(4000, 3000), by_vips, ROUNDS // 3 + 1),
        ("ingest.heic_12mp", _pictures.heic(4032, 3024), by_vips_from_heif, ROUNDS // 3 + 1),
    ]
    for name, data, floor, rounds in cases:
        mine, theirs = in_turns(lambda: ours(data, pool), lambda: floor(data), rounds)  # noqa: B023
        print(f"{name} {mine:.1f} {theirs:.1f} {mine / theirs:.2f}")
    pool.close()
    fresh = DecoderPool(Limits(processes=1))
    ours(_pictures.jpeg(1600, 1200), fresh)
    idle = peak(fresh, "VmRSS")
    ours(cases[1][1], fresh)
    grown = (peak(fresh, "VmHWM") - idle) / 1024
    print(f"ingest.memory_48mp_mb {grown:.1f} {MEMORY_ALLOWED} {grown / MEMORY_ALLOWED:.2f}")
    fresh.close()


if __name__ == "__main__":
    main()
