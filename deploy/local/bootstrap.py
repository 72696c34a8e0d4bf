"""What a fresh HEYAN_HOME needs before the site can run, each step done once.

A step is skipped when its mark says that it was done for this very code or data, so that a second
start costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import credentials

if TYPE_CHECKING:
    from deploy.local.machine import Machine

ROOT = Path(__file__).resolve().parents[2]


def run(machine: Machine) -> None:
    """Take every step; none needs another, so they go side by side."""
    with ThreadPoolExecutor(len(STEPS)) as pool:
        for taken in [pool.submit(step, machine) for step in STEPS]:
            taken.result()


def migrate(machine: Machine) -> None:
    """Bring the database to the newest migration, as the owning role."""
    if _migrated(machine):
        return
    machine.say("migrating the database")
    ini = str(ROOT / "migrations" / "alembic.ini")
    machine.run(machine.variables.owner(), "-m", "alembic", "-c", ini, "upgrade", "head")
    _mark(machine).write_text(_newest(), "utf-8")


def _newest() -> str:
    versions = sorted((ROOT / "migrations").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()


def _mark(machine: Machine) -> Path:
    return machine.postgres.data.parent / "migrated"


def _migrated(machine: Machine) -> bool:
    return _mark(machine).exists() and _mark(machine).read_text("utf-8") == _newest()


def _has_keyring(machine: Machine) -> bool:
    return bool(machine.variables.root_public_key) and machine.variables.keyring.exists()


def settled(machine: Machine) -> bool:
    """Tell whether no step is left to take."""
    return _migrated(machine) and _has_keyring(machine)


def make_keyring(machine: Machine) -> None:
    """Make the worker's keyring and its signing root; pin the root's public half for the web."""
    variables = machine.variables
    if _has_keyring(machine):
        return
    machine.say("making the keyring and the signing root")
    variables.keyring.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (machine.home / "anchors").mkdir(exist_ok=True, mode=0o700)
    printed = machine.run(variables.worker(), "-m", "uploads_worker", "init")
    variables.pin_root(_public_key(printed))
    variables.write_files()


def _public_key(printed: str) -> str:
    """Return the root's public key from what ``uploads_worker init`` printed (base64, 32 bytes)."""
    for word in reversed(printed.replace('"', " ").replace("=", "= ").split()):
        try:
            if len(base64.b64decode(word, validate=True)) == 32:
                return word
        except ValueError:
            continue
    raise RuntimeError("uploads_worker init printed no public key")


def demo_data(machine: Machine) -> None:
    """Fill an empty site with people and an event to try it with."""
    target = machine.home / "demo.json"
    if target.exists():
        return
    machine.say("creating demo data")
    combined = {**machine.variables.web(), **machine.variables.worker()}
    printed = machine.run(combined, "-m", "deploy.local.seeding")
    found = json.loads(printed.strip().splitlines()[-1])
    found.setdefault("base_url", machine.base_url)
    credentials.write_private(target, json.dumps(found, ensure_ascii=False, indent=1))


STEPS: tuple[Callable[[Machine], None], ...] = (migrate, make_keyring)
