"""Whom web and worker talk to: their own engines, whatever addresses people type (C-71, L-16)."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests import access
from tests.access import Universe
from tests.accounts import some_address
from tests.enrolment import World
from tests.forms import TYPED, forms
from tests.worker import run_once
from uploads_worker import reconcile
from uploads_worker.context import Context

WHO = ("nobody", "student_a", "owner_x", "service", "operations", "administrator")


class Watch:
    """Every connection and look-up of a name that this process tries while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.asked: set[tuple[str, int]] = set()
        # There is no way to take a hook out again; it is deaf while off.
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            self.asked.add((str(arguments[1][0]), int(arguments[1][1])))
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            port = arguments[1] if len(arguments) > 1 else 0
            self.asked.add((str(arguments[0]), int(port or 0)))


@pytest.fixture(scope="module")
def watch() -> Watch:
    """One for the module."""
    return Watch()


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A place on the net that counts who comes, and sends everybody on to itself."""

    came: list[str]

    def do_GET(self) -> None:
        """Send on once, then answer."""
        self.came.append(self.path)
        self.send_response(302 if self.path != "/there" else 200)
        self.send_header("Location", "/there")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Its address and who came."""
    came: list[str] = []
    handler = type("Here", (Elsewhere,), {"came": came})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", came
    server.shutdown()
    server.server_close()


def test_no_address_that_people_type_is_fetched(
    world: World, context: Context, watch: Watch, elsewhere: tuple[str, list[str]]
) -> None:
    """C-71, L-16: in any field, by anyone; then the worker does all its jobs."""
    universe: Universe = access.build(world)
    place, came = elsewhere
    word, sent = f"{place}/typed", 0
    watch.on = True
    try:
        for who in WHO:
            for action, method, fields in forms(universe, who, fill=True):
                if method != "POST" or "logout" in action:
                    continue
                typed = {name: word for name, value in fields.items() if value in TYPED}
                universe.clients[who].post(
                    action,
                    data={**fields, **typed},
                    environ_base={"REMOTE_ADDR": some_address()},
                )
                sent += bool(typed)
        run_once(context)
        reconcile.reconcile(context)
    finally:
        watch.on = False
    assert sent > 50
    assert came == []
    engine = context.settings.s3_endpoint.removeprefix("http://").rsplit(":", 1)
    # PostgreSQL is asked by libpq, which no hook hears; its address is a setting alone.
    assert watch.asked <= {(engine[0], int(engine[1])), (engine[0], 0)}, watch.asked
    assert watch.asked


def test_a_redirect_of_the_store_is_not_followed(elsewhere: tuple[str, list[str]]) -> None:
    """C-71: whoever answers in its place sends the worker nowhere."""
    place, came = elsewhere
    assert not reconcile._answers(f"{place}/sealed/one")
    assert came == ["/sealed/one"]
