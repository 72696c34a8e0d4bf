"""Requests about one's own data over real engines, with the worker in this process."""

import pytest

from heyan.access import Role, Scenario
from tests.approvals import grant
from tests.enrolment import World
from tests.worker import context, person, world

__all__ = ["context", "person", "world"]


@pytest.fixture(scope="session", autouse=True)
def granted(world: World) -> None:
    """Customer service may see contact data here (S-091)."""
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.RIGHTS)
