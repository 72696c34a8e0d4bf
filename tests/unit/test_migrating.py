"""A migration while the previous release serves: it gives way, and the pages go on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from deploy.local.variables import ROOT
from tests.conftest import LiveServer

COMING = """
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN coming text")
"""


@pytest.fixture
def next_release(tmp_path: Path, owner_engine: Engine) -> Path:
    """The configuration of a release with one migration more, of a table that every page reads."""
    with owner_engine.connect() as connection:
        head = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    (tmp_path / "9999_coming.py").write_text(COMING.format(head=head))
    config = tmp_path / "alembic.ini"
    config.write_text(
        f"[alembic]\nscript_location = {ROOT / 'migrations'}\nversion_path_separator = os\n"
        f"version_locations = {ROOT / 'migrations/versions'}:{tmp_path}\n"
    )
    return config


def migrate(server: LiveServer, config: Path) -> subprocess.CompletedProcess[str]:
    """Run it as an operator does."""
    stack = server.machine
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(config), "upgrade", "head"],
        env=stack.variables.process({"OWNER_DATABASE_URL": stack.postgres.url("owner")}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_migration_gives_way_to_the_release_that_serves(
    live_server: LiveServer, owner_engine: Engine, next_release: Path
) -> None:
    """SECURITY 52: whatever it waits for, no page is refused; then it goes through beside them."""
    answers: list[tuple[int, float]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            began = time.monotonic()
            with urllib.request.urlopen(live_server.url + "/events", timeout=20) as page:
                answers.append((page.status, time.monotonic() - began))

    readers = [threading.Thread(target=read) for _ in range(2)]
    with owner_engine.connect() as long:
        # A report that somebody runs: it holds the table for as long as it takes.
        long.execute(text("SELECT count(*) FROM events"))
        for reader in readers:
            reader.start()
        gave_way = migrate(live_server, next_release)
        long.rollback()
    assert gave_way.returncode != 0
    assert "lock timeout" in gave_way.stderr
    with owner_engine.connect() as connection:
        columns = connection.execute(text("SELECT * FROM events LIMIT 0")).keys()
    assert "coming" not in columns
    try:
        assert migrate(live_server, next_release).returncode == 0
    finally:
        stop.set()
        for reader in readers:
            reader.join()
        with owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE events DROP COLUMN IF EXISTS coming"))
            connection.execute(
                text("UPDATE alembic_version SET version_num = :h"),
                {"h": next_release.with_name("9999_coming.py").read_text().split('"')[3]},
            )
    assert len(answers) > 4
    assert {status for status, _seconds in answers} == {200}
    assert max(seconds for _status, seconds in answers) < 5
