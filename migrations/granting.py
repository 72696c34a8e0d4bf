"""What every migration after the first two says of its tables: who may do what."""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

# Rights in words that repeat: rows that are proof are never changed.
APPEND = "SELECT, INSERT"
WRITE = "SELECT, INSERT, UPDATE"
ALL = "SELECT, INSERT, UPDATE, DELETE"


def grant(web: Mapping[str, str], worker: Mapping[str, str]) -> None:
    """Grant the web's and the worker's role their rights, table by table (SECURITY 46, C-70)."""
    for role, grants in (("heyan_web", web), ("heyan_worker", worker)):
        for table, rights in grants.items():
            if rights:
                op.execute(f"GRANT {rights} ON {table} TO {role}")


def no_way_back() -> None:
    """Not possible: rows would be lost. Restore a backup instead."""
    raise RuntimeError("restore a backup instead of stepping back")
