"""Assistance over the real database."""

from __future__ import annotations

import pytest

from heyan.access import Role, Scenario
from tests.approvals import grant
from tests.enrolment import World
from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]


@pytest.fixture(scope="session", autouse=True)
def granted(world: World) -> None:
    """Customer service may see contact data here (S-091)."""
    with world.session() as session:
        grant(session, Role.SERVICE, Scenario.ACCOUNTS)
