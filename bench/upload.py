"""Uploads a second of a 12-megapixel phone picture, and the slowest in a hundred, at 1, 16, 64.

Each connection is another account, which replaces its own document again and again, with limits
raised for the run. The floor is the same server taking the same bytes and refusing them for their
form token, so it is the cost of HTTP alone. Ends with 1 when a request failed. Prints
``name value floor ratio``.
"""

from __future__ import annotations

import io
import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _load
import _site
from PIL import Image

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
KIND = "id_card_back"


def photograph() -> bytes:
    """Return a JPEG of 4000 x 3000 with the grain of a phone's sensor, 3 to 4 MB."""
    noise = Image.effect_noise((4000, 3000), 24)
    ramp = Image.linear_gradient("L").resize((4000, 3000))
    picture = Image.merge("RGB", (noise, Image.blend(noise, ramp, 0.4), ramp))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=83)
    return out.getvalue()


def _body(fields: dict[str, str], picture: bytes, boundary: str) -> bytes:
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()


def main() -> int:
    failed, picture = 0, photograph()
    boundary = uuid.uuid4().hex
    kind = f"multipart/form-data; boundary={boundary}"
    with _site.running() as (machine, _demo):
        from _people import cookie, ready

        people = ready(machine, 64)

        def maker(turn: int, *, token: bool) -> Callable[[int], bytes]:
            one = people[turn]
            path = f"/registrations/{one.registration}/documents/{KIND}"
            form = one.browser.get(path).form("file", "upload_token")
            fields = {**form.values, "override": "yes"}
            if not token:
                del fields["csrf_token"]
            cookies = cookie(one)

            def make(_count: int) -> bytes:
                fields["upload_token"] = uuid.uuid4().hex
                body = _body(fields, picture, boundary)
                return _load.post(path, machine.port, body, kind, cookies)

            return make

        for connections in (1, 16, 64):
            refused = [maker(turn, token=False) for turn in range(connections)]
            taken = [maker(turn, token=True) for turn in range(connections)]
            floor = _load.run(machine.port, refused, SECONDS / 3, (400, 403))
            sent = _load.run(machine.port, taken, SECONDS, (303,))
            failed += sent.errors
            _site.line(f"upload.{connections}.per_second", sent.per_second, floor.per_second)
            _site.line(f"upload.{connections}.p99_ms", sent.p99_ms, floor.p99_ms)
            _site.line(f"upload.{connections}.errors", sent.errors, 0)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
