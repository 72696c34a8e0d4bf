"""What sealing adds to one picture: at most 3 % of its ingest.

Prints ``name value floor ratio``: milliseconds to seal the JPEG that a 12-megapixel picture
becomes, the milliseconds that 3 % of its ingest are, and the share of them that is used (up to 1).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "site"), str(ROOT / "bench")]

import _pictures  # noqa: E402
import _vault  # noqa: E402
from ingest import in_turns  # noqa: E402

from heyan.custody.images import Limits, Mark, PictureSpec, normalise  # noqa: E402
from heyan.custody.pool import DecoderPool  # noqa: E402
from heyan.custody.sealing import seal  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
SHARE = 0.03


def main() -> None:
    key, data = _vault.key(), _pictures.jpeg(4000, 3000)
    context, pool = _vault.context(key), DecoderPool(Limits(processes=1))
    mark = Mark("华北科教协会", "第十二届华北青少年科创赛", "A7B3-22C1", "2026-11-24")

    def ingest() -> bytes:
        return normalise(data, PictureSpec(), mark, pool=pool).data

    picture = ingest()
    sealing, before = in_turns(lambda: seal(picture, key, context), ingest, ROUNDS)
    allowed = (before + sealing) * SHARE
    print(f"seal.jpeg_12mp_ms {sealing:.2f} {allowed:.2f} {sealing / allowed:.2f}")
    pool.close()


if __name__ == "__main__":
    main()
