"""The end of the service, over engines of its own: at the end nobody is left in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.local.machine import Machine
from heyan import db
from tests.conftest import own_engines, owner_engine, settings, stack, worker_settings
from tests.worker import context, person, world

# All that stands on the engines is taken in again here: pytest keeps what it made for others.
__all__ = ["context", "owner_engine", "person", "settings", "stack", "worker_settings", "world"]


@pytest.fixture(scope="session")
def engines() -> Iterator[Machine]:
    """A machine that no other test looks at."""
    yield from own_engines()


@pytest.fixture(scope="session")
def keys_before(engines: Machine) -> db.ContactKeys | None:
    """The contact keys of this process as other tests left them."""
    return db._contact_keys


@pytest.fixture(autouse=True)
def keys_of_its_own(
    keys_before: db.ContactKeys | None, world: object, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Use this machine's contact keys during a test, and the others' again afterwards."""
    if OWN not in request.session.stash:
        request.session.stash[OWN] = db.contact_keys()
    db._contact_keys = request.session.stash[OWN]
    yield
    db._contact_keys = keys_before


OWN = pytest.StashKey[db.ContactKeys]()
