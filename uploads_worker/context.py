"""What every job has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

import heyan
from heyan import db
from heyan.custody.objects import ObjectStore
from uploads_worker.keyring import Keyring
from uploads_worker.settings import WorkerSettings
from uploads_worker.unlocking import open_keyring


@dataclass(frozen=True)
class Context:
    """Settings, keyring, database sessions (``with context.sessions() as session``), objects."""

    settings: WorkerSettings
    keyring: Keyring
    sessions: sessionmaker[Session]
    objects: ObjectStore

    @classmethod
    def open(cls, settings: WorkerSettings, keyring: Keyring | None = None) -> Context:
        """Return the context that *settings* describe; opens the keyring unless given."""
        return cls(
            settings,
            keyring or open_keyring(settings),
            sessions(settings),
            ObjectStore.from_settings(settings),
        )

    def close(self) -> None:
        """Give the database's connections back."""
        engine = self.sessions.kw.get("bind")
        if engine is not None:
            engine.dispose()


def load_models() -> None:
    """Import every feature's tables: they refer to each other."""
    for models in sorted(Path(heyan.__file__).parent.glob("*/models.py")):
        import_module(f"heyan.{models.parent.name}.models")


def sessions(settings: WorkerSettings) -> sessionmaker[Session]:
    """Return the maker of sessions as the worker's role."""
    load_models()
    db.use_contact_keys(db.parse_contact_keys(settings.contact_keys, settings.index_key))
    engine = db.make_engine(settings.database_url, pool_size=settings.worker_threads + 2)
    return sessionmaker(engine, expire_on_commit=False)
