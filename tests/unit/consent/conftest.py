"""Changed terms and receipts over real engines, with the worker in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.enrolment import World
from tests.policies import settled_again
from tests.public import real_policy
from tests.releases_fixtures import batches, organizer
from tests.worker import context, person, world

__all__ = ["batches", "context", "organizer", "person", "world"]


@pytest.fixture(scope="session", autouse=True)
def policy(world: World) -> None:
    """The real texts are in force."""
    with world.session() as session:
        real_policy(world.app, session, world.settings)


@pytest.fixture
def rounds(world: World) -> Iterator[None]:
    """Material changes made in a test are gone after it."""
    with settled_again(world):
        yield
