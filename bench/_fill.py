"""Fill a table with many rows quickly: its indexes are made once at the end, not row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, text

# Constraints that an index holds, then what is left of indexes; each with how to make it again.
_CONSTRAINTS = """
SELECT conname AS name, pg_get_constraintdef(oid) AS made FROM pg_constraint
 WHERE conrelid = CAST(:t AS regclass) AND contype IN ('u', 'p')
   AND NOT EXISTS (SELECT 1 FROM pg_constraint AS other
                    WHERE other.contype = 'f' AND other.conindid = pg_constraint.conindid
                      AND other.confrelid = pg_constraint.conrelid)
"""
_INDEXES = """
SELECT indexname AS name, indexdef AS made FROM pg_indexes
 WHERE tablename = :t AND schemaname = 'public'
   AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)
"""


@contextlib.contextmanager
def without_indexes(connection: Connection, table: str) -> Iterator[None]:
    """Take *table*'s indexes away inside the block, but those that other tables lean on."""
    # Sorting a million rows in memory is what makes an index quick to build.
    connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
    connection.execute(text("SET LOCAL synchronous_commit = off"))
    constraints = connection.execute(text(_CONSTRAINTS), {"t": table}).all()
    indexes = connection.execute(text(_INDEXES), {"t": table}).all()
    for row in constraints:
        connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{row.name}"'))
    for row in indexes:
        connection.execute(text(f'DROP INDEX "{row.name}"'))
    yield
    for row in indexes:
        connection.execute(text(row.made))
    for row in constraints:
        connection.execute(text(f'ALTER TABLE {table} ADD CONSTRAINT "{row.name}" {row.made}'))
