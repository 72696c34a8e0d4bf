"""What writing the audit entry adds to a request of the staff side.

The queue of leads is listed, which is one entry a page, committed before the page is answered. The
floor is the same request with `heyan.web.shows` doing nothing: it reads, and commits nothing. One
request of each alternates with one of the other, and medians of all are compared. Prints
``name value floor ratio`` in milliseconds a request; at most 1.05 is wanted.

Environment: BENCH_REQUESTS (1000 of each).
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _site
import _staff

from heyan import web
from heyan.access import Role, Scenario
from tests.approvals import grant
from tests.enrolment import World
from tests.staff import colleague

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "1000"))
WARM = 30


def nothing(action: Any, kind: Any, subject_id: Any = None, **details: Any) -> None:
    """Stand in for `shows`."""


def once(client: Any) -> float:
    """Return the milliseconds of one request."""
    began = time.perf_counter()
    assert client.get("/staff/leads").status_code == 200
    return (time.perf_counter() - began) * 1000


def measure(world: World) -> None:
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.LEADS)
    client = colleague(world, Role.SERVICE).client
    _staff.grow(world, _staff.LEADS, "leads", 1, 1000)
    shows = web.shows
    with_entry: list[float] = []
    without: list[float] = []
    for _request in range(WARM):
        once(client)
    # In pairs, each way first in turn, so that neither has the better moments.
    for turn in range(REQUESTS):
        for entry in (True, False) if turn % 2 else (False, True):
            if entry:
                with_entry.append(once(client))
                continue
            web.shows = nothing
            try:
                without.append(once(client))
            finally:
                web.shows = shows
    _site.line("audit_write.request_ms", statistics.median(with_entry), statistics.median(without))


if __name__ == "__main__":
    with _staff.site() as (found, _machine):
        measure(found)
