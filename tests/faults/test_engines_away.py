"""The object store away or lying, the database away: a page with a number, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.local.processes import wait_until
from tests.fragile import Fragile, fragile_site, send, told_with_a_number
from tests.ops import ask

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    yield from fragile_site()


@pytest.mark.parametrize("mode", ["away", "broken", "full", "lie"])
def test_a_store_that_fails_or_lies_costs_nothing_but_a_second_try(
    fragile: Fragile, mode: str
) -> None:
    """SECURITY 50, C-73: fail closed, a number to quote, and no document that is not there."""
    someone = fragile.enrolled()
    with fragile.store.being(mode):
        told_with_a_number(send(someone))
        assert fragile.rows(someone.registration) == 0
        assert ask(fragile.machine.port, "/healthz") == 200
    answer = send(someone)
    assert answer.path.startswith("/documents/"), answer.gist()
    assert fragile.rows(someone.registration) == 1


def test_readiness_tells_that_the_store_is_away(fragile: Fragile) -> None:
    with fragile.store.being("away"):
        assert ask(fragile.machine.port, "/readyz") == 503
    assert wait_until(lambda: ask(fragile.machine.port, "/readyz") == 200, 20)


def test_the_database_may_go_away_and_come_back(fragile: Fragile) -> None:
    """SECURITY 50, C-73: pages say so with a number; the site recovers without a restart."""
    someone = fragile.enrolled()
    assert send(someone).path.startswith("/documents/")
    machine = fragile.machine
    program = machine.running["postgres"].program
    machine.running.pop("postgres").stop()
    try:
        for path in ("/events", "/registrations"):
            told_with_a_number(someone.browser.get(path))
        assert ask(machine.port, "/healthz") == 200
        assert ask(machine.port, "/readyz") == 503
    finally:
        machine.launch(program)
        machine.postgres.wait(machine.running["postgres"])
    assert wait_until(lambda: ask(machine.port, "/readyz") == 200, 30, 0.2)
    page = someone.browser.get(f"/registrations/{someone.registration}/documents")
    assert page.status == 200
    assert fragile.rows(someone.registration) == 1


def test_a_session_outlives_the_database_being_killed(fragile: Fragile) -> None:
    """Kill -9 of PostgreSQL: what was acknowledged is there afterwards."""
    import os
    import signal

    someone = fragile.enrolled()
    assert send(someone).path.startswith("/documents/")
    machine = fragile.machine
    one: Any = machine.running.pop("postgres")
    os.kill(one.process.pid, signal.SIGKILL)
    one.clear()
    machine.launch(one.program)
    machine.postgres.wait(machine.running["postgres"])
    assert wait_until(lambda: ask(machine.port, "/readyz") == 200, 30, 0.2)
    assert fragile.rows(someone.registration) == 1
    assert someone.browser.get("/registrations").status == 200
