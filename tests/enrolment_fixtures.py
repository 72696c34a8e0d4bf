"""Fixtures of the student's way; a folder's conftest takes them in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine

from deploy.local import bootstrap
from deploy.local.machine import Machine
from heyan import db
from heyan.app import build
from heyan.settings import Settings
from tests.accounts import EVERYWHERE, quick
from tests.enrolment import Person, World, pinned


@pytest.fixture(scope="session")
def world(engines: Machine) -> Iterator[World]:
    """The site in this process over migrated engines, with a signing root of the test's own."""
    bootstrap.migrate(engines)
    root = Ed25519PrivateKey.generate()
    settings = quick(
        Settings.from_env(
            {**engines.variables.web(), **EVERYWHERE, "ROOT_PUBLIC_KEY": pinned(root)}
        )
    )
    app = build(settings)
    web = db.make_engine(settings.database_url, pool_size=20)
    url = engines.postgres.url("owner").replace("://", "+psycopg://", 1)
    owner = create_engine(url, pool_pre_ping=True)
    yield World(app, settings, web, owner, root)
    web.dispose()
    owner.dispose()


@pytest.fixture
def person(world: World) -> Person:
    """Someone with an account, signed in."""
    return world.person()
