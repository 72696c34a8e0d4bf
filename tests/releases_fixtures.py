"""Fixtures of batches; a folder's conftest takes them in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.engine import Engine

from heyan.custody.objects import ObjectStore
from heyan.settings import Settings
from tests.releases import Batches, Organizer
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings


@pytest.fixture(scope="session")
def batches(
    worker_settings: WorkerSettings, settings: Settings, web_engine: Engine, owner_engine: Engine
) -> Iterator[Batches]:
    """Builders over the worker's real keyring, database and object store."""
    context = Context.open(worker_settings)
    yield Batches(context, web_engine, owner_engine, ObjectStore.for_web(settings))
    context.close()


@pytest.fixture
def organizer(batches: Batches) -> Organizer:
    """An organizer with an event and a pinned key."""
    return batches.organizer()
