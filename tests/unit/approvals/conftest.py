"""The student's world, with colleagues who ask and decide."""

from __future__ import annotations

import pytest

from heyan.access import Role
from tests.enrolment import World
from tests.enrolment_fixtures import person, world
from tests.public import real_policy
from tests.staff import Colleague, colleague

__all__ = ["person", "world"]


@pytest.fixture(scope="session", autouse=True)
def policy(world: World) -> None:
    """The real texts are in force."""
    with world.session() as session:
        real_policy(world.app, session, world.settings)


@pytest.fixture
def clerk(world: World) -> Colleague:
    """Customer service."""
    return colleague(world, Role.SERVICE)


@pytest.fixture
def officer(world: World) -> Colleague:
    """A privacy officer."""
    return colleague(world, Role.PRIVACY_OFFICER)


@pytest.fixture
def administrator(world: World) -> Colleague:
    """An administrator."""
    return colleague(world, Role.ADMINISTRATOR)
