"""What writing the audit entry adds to a request of the staff side.

The queue of leads is listed, which is one entry a page. The floor is the same request with
`heyan.audit.service.record` doing nothing; both alternate, and medians are compared. Prints
``name value floor ratio`` in milliseconds a request; at most 1.05 is wanted.

Environment: BENCH_REQUESTS (40 a round), BENCH_ROUNDS (15).
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

from heyan.access import Role, Scenario
from heyan.audit import service
from tests.approvals import grant
from tests.enrolment import World
from tests.staff import colleague

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "40"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))


def nothing(
    session: Any, actor: Any, action: Any, subject_kind: Any, subject_id: Any = None,
    *, outcome: Any = "done", reason: Any = None, **details: Any,
) -> None:  # fmt: skip
    """Stand in for `record`, everywhere it was imported."""


def once(client: Any) -> float:
    began = time.perf_counter()
    for _request in range(REQUESTS):
        assert client.get("/staff/leads").status_code == 200
    return (time.perf_counter() - began) * 1000 / REQUESTS


def measure(world: World) -> None:
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.LEADS)
    client = colleague(world, Role.SERVICE).client
    _staff.grow(world, _staff.LEADS, "leads", 1, 1000)
    written, defaults = service.record.__code__, service.record.__kwdefaults__
    with_entry, without = [], []
    once(client)
    for _round in range(ROUNDS):
        with_entry.append(once(client))
        service.record.__code__ = nothing.__code__
        try:
            without.append(once(client))
        finally:
            service.record.__code__, service.record.__kwdefaults__ = written, defaults
    _site.line("audit_write.request_ms", statistics.median(with_entry), statistics.median(without))


if __name__ == "__main__":
    with _staff.site() as (found, _machine):
        measure(found)
