"""Leads a second, and how long the slowest in a hundred takes, at 1, 16 and 64 connections.

Every request is a lead of its own (another number), with limits by source raised for the run. The
floor is the same server answering the form's page at as many connections. Ends with 1 when one of
the requests failed. Prints ``name value floor ratio``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _load
import _site

from deploy.local.rehearsal.browser import Browser

SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))


def main() -> int:
    failed = 0
    with _site.running() as (machine, _demo):
        visitor = Browser(machine.base_url, "visitor")
        form = visitor.get("/leads/new").form("name", "phone", "consent")
        agreed = form.options.get("consent", ["y"])[0]
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        runs = iter(range(1000))

        def lead(run: int) -> object:
            def make(count: int) -> bytes:
                phone = f"13{run}{count // 1_000_000:02d}{count % 1_000_000:06d}"
                fields = {**form.values, "name": "测量", "phone": phone, "consent": agreed}
                body = urlencode(fields).encode()
                kind = "application/x-www-form-urlencoded"
                return _load.post("/leads/new", machine.port, body, kind, cookies)

            return make

        page = _load.get("/leads/new", machine.port)
        for connections in (1, 16, 64):
            shown = _load.run(machine.port, [lambda _turn: page] * connections, SECONDS)
            made = lead(next(runs))
            sent = _load.run(machine.port, [made] * connections, SECONDS, (200, 302, 303))  # type: ignore[list-item]
            failed += sent.errors
            _site.line(f"lead.{connections}.per_second", sent.per_second, shown.per_second)
            _site.line(f"lead.{connections}.p99_ms", sent.p99_ms, shown.p99_ms)
            _site.line(f"lead.{connections}.errors", sent.errors, 0)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
