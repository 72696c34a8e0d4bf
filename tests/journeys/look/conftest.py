"""The student's world, served on a port for a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask_babel import force_locale
from werkzeug.serving import make_server

from deploy.local import demo_desks
from deploy.local.demo_people import DemoPerson
from heyan.access import Realm
from tests import access
from tests.access import Universe
from tests.enrolment import World
from tests.enrolment_fixtures import person, world
from tests.journeys.look.looking import LOOKERS

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


@pytest.fixture(scope="session")
def universe(world: World) -> Universe:
    """Everyone, something of each kind that has a page, and desks filled as the demonstration's."""
    made = access.build(world)
    staff = {
        role: DemoPerson(made.accounts[role], Realm.STAFF, "", "", "") for role in LOOKERS["staff"]
    }
    student, slug = world.person().account_id, world.event().slug
    with world.session() as session, world.app.app_context(), force_locale("zh_CN"):
        demo_desks.fill(session, world.settings, staff, student, slug)
    return made
