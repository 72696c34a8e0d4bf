"""What tests stand on: real engines in a folder of their own, the site on top, a browser.

One set for each test process, so pytest-xdist works. Nothing here touches ``var/`` or port 8000.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from deploy.local import credentials
from deploy.local.machine import Machine
from heyan import db
from heyan.settings import Settings
from tests.accounts import EVERYWHERE
from uploads_worker.keyring import CHEAP, Keyring
from uploads_worker.settings import WorkerSettings

CHROMIUM = (
    *("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"),
    os.environ.get("CHROMIUM", ""),
)
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def engines() -> Iterator[Machine]:
    """A machine whose PostgreSQL and SeaweedFS run, with nothing in them yet."""
    yield from own_engines()


def own_engines() -> Iterator[Machine]:
    """Run PostgreSQL and SeaweedFS in a folder of their own, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="heyan-test-"))
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    try:
        machine.start_engines()
        yield machine
    finally:
        machine.stop()
        if not os.environ.get("HEYAN_KEEP_TEST_HOME"):
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(engines: Machine) -> Machine:
    """The same machine, migrated, with the worker's keyring and its signing root.

    The keyring's passphrase is hashed cheaply here: every command of the worker opens it anew.
    """
    variables = engines.variables
    passphrase = Path(variables.worker()["KEYRING_PASSPHRASE_FILE"]).read_text().strip()
    keyring = Keyring.create(variables.keyring, passphrase, kdf=CHEAP)
    variables.pin_root(base64.b64encode(keyring.root_public_key).decode())
    variables.write_files()
    engines.prepare()
    return engines


@pytest.fixture(scope="session")
def settings(stack: Machine) -> Settings:
    """The web's settings."""
    return Settings.from_env(stack.variables.web() | EVERYWHERE)


@pytest.fixture(scope="session")
def worker_settings(stack: Machine) -> WorkerSettings:
    """The worker's settings."""
    return WorkerSettings.from_env(stack.variables.worker())


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    """The application, in this process."""
    from heyan import create_app

    return create_app(settings)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor without cookies."""
    return app.test_client()


@pytest.fixture(scope="session")
def owner_engine(stack: Machine) -> Iterator[Engine]:
    """The database as its owner sees it: for looking at what other roles may not."""
    url = stack.postgres.url("owner").replace("://", "+psycopg://", 1)
    # A test that kills the server leaves connections of others dead.
    engine = create_engine(url, pool_pre_ping=True)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def web_engine(settings: Settings) -> Iterator[Engine]:
    """The database as the web's role sees it."""
    db.use_contact_keys(db.parse_contact_keys(settings.contact_keys, settings.index_key))
    engine = db.make_engine(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def worker_engine(worker_settings: WorkerSettings) -> Iterator[Engine]:
    """The database as the worker's role sees it."""
    engine = db.make_engine(worker_settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def db_session(web_engine: Engine) -> Iterator[Session]:
    """A session as the web's role; verbs commit, so each test makes rows of its own."""
    with Session(web_engine, expire_on_commit=False) as session:
        yield session


@dataclass
class LiveServer:
    """The site under its real server."""

    machine: Machine

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return self.machine.base_url

    def restart(self) -> None:
        """Start the web anew, with the clock and the settings that hold now."""
        if "web" in self.machine.running:
            self.machine.running.pop("web").stop()
        self.machine.launch(self.machine.web_program())
        self.machine.wait_web()


@pytest.fixture(scope="session")
def live_server(stack: Machine) -> Iterator[LiveServer]:
    """The site under Granian on a free port."""
    server = LiveServer(stack)
    server.restart()
    yield server
    stack.running.pop("web").stop()


@pytest.fixture(scope="session")
def worker_once(stack: Machine) -> Callable[[], str]:
    """Run every job that waits, to its end, in the worker's own process and environment."""

    def run() -> str:
        return stack.run(stack.variables.worker(), "-m", "uploads_worker", "run", "--once")

    return run


class Clock:
    """Moves time for this process and for every process started from it afterwards."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def move(self, by: timedelta) -> None:
        """Go *by* forward (or back)."""
        self.offset += by
        os.environ["HEYAN_CLOCK_OFFSET"] = str(int(self.offset.total_seconds()))

    def reset(self) -> None:
        """Return to the present."""
        self.offset = timedelta()
        os.environ.pop("HEYAN_CLOCK_OFFSET", None)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Time that moves by hand; back to the present afterwards."""
    moving = Clock()
    yield moving
    moving.reset()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, headless. With CI set, a missing browser fails; else the test is left."""
    found = next((path for path in CHROMIUM if path and Path(path).exists()), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium here; .ci/run installs it")
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=CHROMIUM_OPTIONS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, live_server: LiveServer) -> Iterator[Any]:
    """A fresh page of a Chinese phone-and-desk reader; fails on a script error on any page."""
    context = browser.new_context(base_url=live_server.url, locale="zh-CN")
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []
