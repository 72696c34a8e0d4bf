"""The object store away or lying, the database away: a page with a number, nothing lost."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from deploy.local import bootstrap, credentials
from deploy.local.machine import Machine
from deploy.local.processes import wait_until
from deploy.local.rehearsal import cards, student
from deploy.local.rehearsal.browser import Answer, FilePart
from deploy.local.rehearsal.play import Play
from tests.enrolment import picture
from tests.ops import RAISED, SLUG, LyingStore, ask

pytestmark = pytest.mark.faults
NUMBER = re.compile(r"[0-9a-f]{8,}")


@dataclass
class Fragile:
    """A site whose web reaches its objects through a proxy that can misbehave."""

    machine: Machine
    store: LyingStore
    play: Play

    def enrolled(self) -> student.Student:
        """Someone who may upload."""
        made = student.opens_an_account(self.play, cards.holder(datetime.now(UTC).date()))
        student.binds_a_student(self.play, made)
        student.fills_in(self.play, made, SLUG)
        return made

    def rows(self, registration: str) -> int:
        """Count the documents of a registration."""
        engine = create_engine(self.machine.postgres.url("owner").replace("://", "+psycopg://", 1))
        try:
            with engine.connect() as connection:
                return int(
                    connection.execute(
                        text("SELECT count(*) FROM documents WHERE registration_id = :r"),
                        {"r": registration},
                    ).scalar_one()
                )
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def fragile() -> Iterator[Fragile]:
    home = Path(tempfile.mkdtemp(prefix="heyan-faults-"))
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    store = None
    try:
        machine.start_engines()
        machine.prepare()
        bootstrap.demo_data(machine)
        store = LyingStore(machine.objects.endpoint)
        program = machine.web_program()
        changed: dict[str, str] = {
            **program.environment,
            **RAISED,
            "S3_ENDPOINT": store.endpoint,
        }
        machine.launch(replace(program, environment=changed))
        machine.wait_web()
        yield Fragile(machine, store, Play(machine.base_url, {}, b"", say=lambda _line: None))
    finally:
        if store is not None:
            store.close()
        machine.stop()
        shutil.rmtree(home, ignore_errors=True)


def send(someone: student.Student) -> Answer:
    kind = student.KINDS[0]
    page = someone.browser.get(f"/registrations/{someone.registration}/documents/{kind}")
    return someone.browser.send(
        page.form("file", "upload_token"), file=FilePart("card.jpg", picture()), override="yes"
    )


def told_with_a_number(answer: Answer) -> None:
    assert answer.status == 503, answer.gist()
    assert NUMBER.search(answer.main()), answer.gist()
    assert "Traceback" not in answer.text
    assert "Error" not in answer.main()


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
