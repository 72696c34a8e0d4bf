"""The contact log over real engines, with the worker's own signing root."""

from __future__ import annotations

import pytest

from heyan.access import Role, Scenario
from tests.approvals import grant
from tests.enrolment import World
from tests.staff import Colleague, colleague
from tests.worker import context, person, world

__all__ = ["context", "person", "world"]


@pytest.fixture(scope="package")
def clerk(world: World) -> Colleague:
    """Somebody of the customer service, whose role holds the grant for the log."""
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.CONTACTS)
    return colleague(world, Role.SERVICE)
