"""What a page of a staff list costs at 10,000 and at 1,000,000 rows: leads, contacts, audit.

Each list is read as a colleague reads it: the first page and the nine behind it, each through the
link of the page before. The floor is the same walk over the smaller table in the same run; by
keyset the larger may cost 1.3 times as much. Prints ``name value floor ratio`` in milliseconds a
page (medians).

Environment: BENCH_ROWS_FEW (10000), BENCH_ROWS_MANY (1000000), BENCH_ROUNDS (9).
"""

from __future__ import annotations

import html
import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _site
import _staff

from heyan.access import Role, Scenario
from tests.approvals import grant
from tests.enrolment import World
from tests.staff import colleague

FEW = int(os.environ.get("BENCH_ROWS_FEW", "10000"))
MANY = int(os.environ.get("BENCH_ROWS_MANY", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
PAGES = 10
NEXT = re.compile(r'href="([^"]+)" rel="next"')
LISTS = (
    ("leads", "/staff/leads", Role.SERVICE, _staff.LEADS),
    ("contacts", "/staff/contacts", Role.SERVICE, _staff.CONTACTS),
    ("audit_entries", "/staff/audit", Role.AUDITOR, _staff.AUDIT),
)


def walk(client: Any, path: str) -> list[float]:
    """Return the milliseconds of each page from the first on."""
    took = []
    for page in range(PAGES):
        began = time.perf_counter()
        answer = client.get(path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
        found = NEXT.search(answer.text)
        assert found, f"{path}: no next page after {page + 1}"
        path = html.unescape(found[1])
    return took


def median(client: Any, path: str) -> float:
    walk(client, path)
    return statistics.median(one for _round in range(ROUNDS) for one in walk(client, path))


def measure(world: World) -> None:
    with world.session() as session:
        for scenario in (Scenario.LEADS, Scenario.CONTACTS):
            grant(session, Role.SERVICE, scenario)
    clients = {role: colleague(world, role).client for role in (Role.SERVICE, Role.AUDITOR)}
    for table, path, role, statement in LISTS:
        _staff.grow(world, statement, table, 1, FEW)
        few = median(clients[role], path)
        _staff.grow(world, statement, table, FEW + 1, MANY)
        _site.line(f"staff_list.{table}_ms", median(clients[role], path), few)


if __name__ == "__main__":
    with _staff.site() as (found, _machine):
        measure(found)
