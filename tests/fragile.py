"""A site whose engines fail: its web reaches the object store through a proxy that misbehaves."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, text

from deploy.local import bootstrap, credentials
from deploy.local.machine import Machine
from deploy.local.rehearsal import cards, student
from deploy.local.rehearsal.browser import Answer, FilePart
from deploy.local.rehearsal.play import Play
from tests.enrolment import picture
from tests.ops import RAISED, SLUG, LyingStore

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


def fragile_site() -> Iterator[Fragile]:
    """Run such a site with demonstration data."""
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
    """Upload one picture as a person's browser would."""
    kind = student.KINDS[0]
    page = someone.browser.get(f"/registrations/{someone.registration}/documents/{kind}")
    return someone.browser.send(
        page.form("file", "upload_token"), file=FilePart("card.jpg", picture()), override="yes"
    )


def told_with_a_number(answer: Answer) -> None:
    """Check that an answer says that nothing was done, with a number to quote and no trace."""
    assert answer.status == 503, answer.gist()
    assert NUMBER.search(answer.main()), answer.gist()
    assert "Traceback" not in answer.text
    assert "Error" not in answer.main()
