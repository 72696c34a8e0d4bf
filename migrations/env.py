"""Alembic's entry: runs as the owning role, one transaction a migration."""

from __future__ import annotations

import os
from importlib import import_module

from alembic import context
from sqlalchemy import create_engine

from heyan.db import Base, EncryptedText

MODELS = (
    "retention",
    "audit",
    "oversight",
    "organizations",
    "accounts",
    "events",
    "students",
    "registrations",
    "documents",
    "releases",
    "decisions",
    "viewings",
    "policies",
    "consent",
    "usage",
    "leads",
    "contacts",
    "notifications",
    "agreements",
    "assistance",
    "approvals",
    "exports",
    "rights",
    "safety",
    "assessments",
    "winddown",
)
for feature in MODELS:
    import_module(f"heyan.{feature}.models")


def _ours(_object: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return not (kind == "table" and name and name.startswith("procrastinate_"))


def _render(kind: str, item: object, _context: object) -> str | bool:
    """A migration names plain types: the application's own may change under it."""
    return "sa.LargeBinary()" if kind == "type" and isinstance(item, EncryptedText) else False


def run() -> None:
    """Migrate the database that OWNER_DATABASE_URL (or ``-x url=``) names."""
    given = context.get_x_argument(as_dictionary=True).get("url")
    url = given or os.environ["OWNER_DATABASE_URL"]
    # The previous release serves meanwhile: who waits for a lock makes all others wait behind it,
    # and those give up after five seconds (`heyan.db.make_engine`). So a migration gives up first.
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        connect_args={"options": "-c lock_timeout=3000"},
    )
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=_ours,
            transaction_per_migration=True,
            compare_type=True,
            render_item=_render,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
