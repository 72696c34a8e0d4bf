"""The student's world, served on a port for a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import make_server

from tests.enrolment import World
from tests.enrolment_fixtures import person, world

__all__ = ["person", "served", "world"]


@pytest.fixture(scope="session")
def served(world: World) -> Iterator[str]:
    """Serve the world's site on a free port; the value is its address."""
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
