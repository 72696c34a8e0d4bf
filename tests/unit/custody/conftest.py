"""One SeaweedFS for the tests of this folder, with the identities that production has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import credentials
from deploy.local.processes import start
from deploy.local.seaweedfs import PORTS, SeaweedFS
from heyan.custody.objects import ObjectStore


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A running object store."""
    home: Path = tmp_path_factory.mktemp("weed")
    ports = credentials.ports(home / "ports.json", tuple(f"weed.{name}" for name in PORTS))
    server = SeaweedFS(home, ports)
    server.prepare()
    running = start(home, server.program(), say=lambda _line: None)
    try:
        server.wait(running)
        yield server
    finally:
        running.stop()


def store_as(server: SeaweedFS, name: str) -> ObjectStore:
    """Return the store as *name* (web or worker) sees it."""
    return ObjectStore(server.endpoint, "local", *server.identity(name), "sealed", "releases")


@pytest.fixture
def web(seaweed: SeaweedFS) -> ObjectStore:
    """The store with the web's credentials."""
    return store_as(seaweed, "web")


@pytest.fixture
def worker(seaweed: SeaweedFS) -> ObjectStore:
    """The store with the worker's credentials."""
    return store_as(seaweed, "worker")
