"""What tests of the worker share: a site whose vault keys are the worker's own, and its context."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrage
import pytest
from sqlalchemy.engine import Engine

from deploy.local.machine import Machine
from deploy.local.variables import ROOT
from heyan import db
from heyan.app import build
from heyan.custody.sealing import SealContext
from heyan.documents.models import Document
from heyan.settings import Settings
from tests.accounts import EVERYWHERE, quick
from tests.enrolment import Person, World
from uploads_worker import running, vault
from uploads_worker.context import Context
from uploads_worker.opening import open_sealed
from uploads_worker.settings import WorkerSettings

VERIFY = ROOT / "static" / "tools" / "heyan_verify.py"


def run_once(context: Context) -> None:
    """Run every waiting and due job in this process, on a thread of its own.

    A browser that another test of the same process opened keeps this thread's event loop.
    """
    with ThreadPoolExecutor(1) as aside:
        aside.submit(running.run_once, context).result()


@pytest.fixture(scope="session")
def context(worker_settings: WorkerSettings) -> Iterator[Context]:
    """The worker's context, in this process."""
    opened = Context.open(worker_settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def world(stack: Machine, context: Context, owner_engine: Engine) -> Iterator[World]:
    """The site in this process, with the worker's own signing root."""
    settings = quick(Settings.from_env(stack.variables.web() | EVERYWHERE))
    web = db.make_engine(settings.database_url, pool_size=20)
    yield World(build(settings), settings, web, owner_engine, context.keyring.root)
    web.dispose()


@pytest.fixture
def person(world: World) -> Person:
    """Someone with an account, signed in."""
    return world.person()


@dataclass
class Case:
    """An event with the worker's vault key, and one submitted registration with a document."""

    event_id: uuid.UUID
    slug: str
    registration_id: uuid.UUID
    document_id: uuid.UUID


def submit(world: World, context: Context, **changes: Any) -> Case:
    """Make an event, its key, and a person who submits one document for it."""
    event = world.event(with_key=False, **changes)
    vault.provision(context, event.id)
    registration, document = world.person().submitted(event.slug)
    return Case(event.id, event.slug, uuid.UUID(registration), uuid.UUID(document))


def opened(context: Context, document_id: uuid.UUID) -> bytes:
    """Open a document as a batch would."""
    with context.sessions() as session:
        row = session.get_one(Document, document_id)
    return open_sealed(
        context.objects.get_sealed(row.object_key, row.object_version),
        private_key=context.keyring.vault_private_key(row.vault_key_id),
        context=SealContext(row.event_id, row.registration_id, row.id, row.kind.value),
        sha256=bytes(row.ciphertext_sha256),
        commitment=bytes(row.commitment),
    )


def age_key() -> tuple[str, str]:
    """Return a new age identity and its recipient."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def root_text(context: Context) -> str:
    """Return the root's public key as people write it."""
    return base64.b64encode(context.keyring.root_public_key).decode()


def verify(*arguments: str | Path) -> tuple[int, str]:
    """Run the stand-alone tool as a stranger would: nothing of this site on its path."""
    done = subprocess.run(
        [sys.executable, "-I", VERIFY, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    return done.returncode, done.stdout + done.stderr


def command(stack: Machine, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the worker's host; *variables* add to its environment."""
    return subprocess.run(
        [sys.executable, "-m", "uploads_worker", *arguments],
        env={**stack.variables.process(stack.variables.worker()), **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def audit_of(world: World, action: str, subject: object | None = None) -> list[dict[str, Any]]:
    """Return the details of audit entries of an action (on a subject), the oldest first."""
    rows = world.rows(
        "SELECT details, outcome FROM audit_entries WHERE action = :action"
        " AND (CAST(:subject AS text) IS NULL OR subject_id = :subject) ORDER BY id",
        action=action,
        subject=None if subject is None else str(subject),
    )
    return [{**(json.loads(d) if isinstance(d, str) else d), "outcome": o} for d, o in rows]


__all__ = [
    "Case",
    "age_key",
    "audit_of",
    "command",
    "context",
    "opened",
    "person",
    "root_text",
    "submit",
    "verify",
    "world",
]
