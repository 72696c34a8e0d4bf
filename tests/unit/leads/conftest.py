"""The student's world, with the real policy in force."""

from __future__ import annotations

import pytest

from heyan.access import Role, Scenario
from tests.accounts import Browser
from tests.approvals import grant
from tests.enrolment import World
from tests.enrolment_fixtures import person, world
from tests.public import real_policy

__all__ = ["person", "world"]


@pytest.fixture(scope="session", autouse=True)
def policy(world: World) -> None:
    """The real texts are in force."""
    with world.session() as session:
        real_policy(world.app, session, world.settings)


@pytest.fixture(scope="session", autouse=True)
def granted(world: World) -> None:
    """Customer service may see names and numbers of leads."""
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.LEADS)


@pytest.fixture
def browser(world: World) -> Browser:
    """A visitor's browser, at an address of its own."""
    return Browser(world.app)
