"""Everyone at once, over the real database."""

from __future__ import annotations

import pytest

from tests import access
from tests.access import Universe
from tests.enrolment import World
from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]


@pytest.fixture(scope="session")
def universe(world: World) -> Universe:
    """Students A and B, organizers X and Y, all staff roles, and what belongs to whom."""
    return access.build(world)
