"""Staff pages for a measurement: the site in this process, colleagues who are signed in, many rows.

Rows are made by the database itself. One value, encrypted as its column has it, stands in all of
them: what a page costs is the same, and making a million does not take an hour.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _fill
import _site
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text

from deploy.local import bootstrap, credentials
from deploy.local.machine import Machine
from heyan import db
from heyan.app import build
from heyan.settings import Settings
from tests.accounts import quick
from tests.enrolment import World, pinned

LEADS = text(
    "INSERT INTO leads (id, name, phone, phone_index, call_time, times_asked, status, due_at,"
    " created_at, updated_at, delete_after)"
    " SELECT gen_random_uuid(), :name, :phone, decode(md5(CAST(:mark AS text) || n), 'hex'), 'any',"
    " 1,"
    " CAST(CASE WHEN n % 4 = 0 THEN 'closed' ELSE 'open' END AS lead_status),"
    " now() + n * interval '1 second', now(), now() - n * interval '1 second',"
    " now() + interval '90 days' FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n"
)
CONTACTS = text(
    "INSERT INTO contacts (id, channel, direction, kind, state, at, name, note,"
    " recording_consent, created_by, due_at, created_at, updated_at, delete_after)"
    " SELECT gen_random_uuid(), 'call', 'in', 'enquiry', 'open', now(), :name, :note,"
    " 'not_asked', (SELECT id FROM accounts LIMIT 1), now() + n * interval '1 second', now(),"
    " now(), now() + interval '365 days'"
    " FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n"
)
AUDIT = text(
    "INSERT INTO audit_entries (at, actor_kind, action, subject_kind, subject_id, outcome,"
    " request_id, source, details)"
    " SELECT now() - interval '30 days' + n * interval '1 second', 'staff', 'leads.listed',"
    " 'lead', n::text, CASE WHEN n % 500 = 0 THEN 'denied' ELSE 'done' END, md5(n::text),"
    " CAST('192.0.2.1' AS inet), CAST('{}' AS jsonb)"
    " FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n"
)


@contextlib.contextmanager
def site() -> Iterator[tuple[World, Machine]]:
    """Start the engines alone, with the site in this process; remove all of it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="heyan-bench-"))
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    try:
        machine.start_engines()
        bootstrap.migrate(machine)
        root = Ed25519PrivateKey.generate()
        variables = {**machine.variables.web(), **_site.RAISED, "ROOT_PUBLIC_KEY": pinned(root)}
        settings = quick(Settings.from_env(variables))
        web = db.make_engine(settings.database_url, pool_size=20)
        owner = create_engine(machine.postgres.url("owner").replace("://", "+psycopg://", 1))
        yield World(build(settings), settings, web, owner, root), machine
        web.dispose()
        owner.dispose()
    finally:
        machine.stop()
        shutil.rmtree(home, ignore_errors=True)


def grow(world: World, statement: Any, table: str, first: int, last: int) -> None:
    """Add rows *first* to *last* to *table*."""
    keys = db.contact_keys()
    values: dict[str, Any] = {
        "name": keys.encrypt("王女士", f"{table}.name"),
        "phone": keys.encrypt("+8613800138000", f"{table}.phone"),
        "note": keys.encrypt("想了解报名时间", f"{table}.note"),
        "mark": table,
        "first": first,
        "last": last,
    }
    named = {name: values[name] for name in statement.compile().params}
    with world.owner.begin() as connection, _fill.without_indexes(connection, table):
        connection.execute(statement, named)
    with world.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM ANALYZE {table}"))
