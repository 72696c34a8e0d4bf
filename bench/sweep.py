"""``sweep``: 10,000 documents due among a million, against the same among twenty thousand.

The rows lie in a table shaped like ``documents`` with its index; what is timed is what the sweep
asks of PostgreSQL: the pages of what is due, in order, with what orders keep left out, and the
marking of each as destroyed. Objects cost the same each, however many rows there are.
``bench/sweep.py [--many N] [--due N]``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _fill
import _site
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from deploy.local import bootstrap, credentials
from deploy.local.machine import Machine
from heyan import clock
from uploads_worker import destruction
from uploads_worker.context import load_models

MANY, FEW, DUE = 1_000_000, 20_000, 10_000
CEILING = 1.5
BATCH = 200

_ROWS = """
INSERT INTO documents (id, registration_id, event_id, kind, state, upload_token, object_key,
  vault_key_id, ciphertext_sha256, commitment, ciphertext_bytes, picture_bytes, width, height,
  pages, spec_version, warnings, received_at, destroy_due_at, destroy_reason)
SELECT gen_random_uuid(), gen_random_uuid(), :event, 'id_card_front', 'sealed', 't' || n, 'd/' || n,
  'bench', decode('00', 'hex'), decode('00', 'hex'), 1, 1, 1, 1, 1, 1, '[]', now(),
  CASE WHEN n <= :due THEN now() - interval '1 hour' ELSE now() + interval '90 days' END,
  'event_end'
FROM generate_series(1, :many) AS n
"""


_KEYS = """
SELECT conrelid::regclass::text AS "table", conname FROM pg_constraint
 WHERE 'documents'::regclass IN (conrelid, confrelid) AND contype = 'f'
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure both and print ``name value floor ratio``; 1 when the ratio is beyond the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--due", type=int, default=DUE)
    given = parser.parse_args(arguments)
    load_models()
    with tempfile.TemporaryDirectory(prefix="heyan-bench-") as home:
        machine = Machine(Path(home), credentials.free_port(), say=lambda _line: None)
        try:
            machine.start_engines()
            bootstrap.migrate(machine)
            url = machine.postgres.url("owner").replace("://", "+psycopg://", 1)
            engine = create_engine(url)
            floor = _timed(engine, given.few, given.due)
            value = _timed(engine, given.many, given.due)
            engine.dispose()
        finally:
            machine.stop()
    ratio = value / floor
    _site.line("sweep", value, floor)
    return 0 if ratio <= CEILING else 1


def _timed(engine: Engine, many: int, due: int) -> float:
    """Return the seconds for sweeping *due* of *many* rows."""
    with engine.begin() as connection:
        for table, name in connection.execute(text(_KEYS)).all():
            # Rows hang on nothing here: what is timed is the sweep's own questions.
            connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
        with _fill.without_indexes(connection, "documents"):
            parent = {"event": uuid.uuid4()}
            connection.execute(text(_ROWS), {**parent, "many": many, "due": due})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE documents"))
    began, after, done = time.monotonic(), uuid.UUID(int=0), 0
    while True:
        with Session(engine) as session:
            page = destruction.due_documents(session, BATCH, after)
            for document_id in page:
                session.execute(
                    text(
                        "UPDATE documents SET state = 'destroyed', destroyed_at = :t WHERE id = :d"
                    ),
                    {"t": clock.now(), "d": document_id},
                )
            session.commit()
        done += len(page)
        if len(page) < BATCH:
            break
        after = page[-1]
    took = time.monotonic() - began
    if done != due:
        raise RuntimeError(f"{done} of {due} were found")
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE documents CASCADE"))
    return took


if __name__ == "__main__":
    sys.exit(main())
