"""Bring a backup back into an empty installation, and destroy again what was destroyed since.

Nothing of it is readable by anyone before the tombstones were replayed: the web starts after this
command has ended (SECURITY 51, S-056, S-062, H4).
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg
import pyrage
import structlog
from psycopg import sql

from heyan.audit.service import OPERATOR, record
from heyan.db import transaction
from heyan.registrations.states import SEATED
from uploads_worker import keyring_copies, tombstones
from uploads_worker.context import Context
from uploads_worker.keeping.backup import CHUNK, BackupFailed, libpq, read_manifest, tool
from uploads_worker.settings import WorkerSettings

log = structlog.get_logger("worker")

# Ways in that may have been ended, or used up, since the backup.
WAYS_IN = ("login_sessions", "trusted_devices", "invitations", "account_codes")
# What people may have stopped since the backup, and would now go its way: it is asked for anew.
UNDERWAY = (
    (
        "account_changes",
        "outcome = 'declined', new_login = NULL, new_login_index = NULL, ended_at = now()",
        "ended_at IS NULL",
    ),
    ("factor_resets", "ended_at = now()", "ended_at IS NULL"),
    (
        "standing_grants",
        "status = 'revoked', revoked_at = now()",
        "status IN ('proposed', 'approved')",
    ),
    (
        "access_requests",
        "status = 'ended', ended_at = now()",
        "status IN ('waiting', 'approved')",
    ),
)
VERSIONED = ("documents", "recording_parts")


@dataclass(frozen=True)
class Restored:
    """What came back, and how many things were destroyed again."""

    objects: int
    destroyed_again: int


def restore(settings: WorkerSettings, folder: Path, identity_files: Sequence[Path]) -> Restored:
    """Restore *folder* into an empty database and an empty store.

    Raises `BackupFailed`, also when either is not empty; `KeyringError`. What is refused before
    the database is written leaves everything as it was, the keyring's folder too.
    """
    if not settings.owner_database_url:
        raise BackupFailed("set OWNER_DATABASE_URL for this command")
    identities = _identities(identity_files)
    with psycopg.connect(settings.owner_database_url) as owner:
        _must_be_empty(owner)
    brought = not settings.keyring.exists()
    if brought:
        copies = sorted(folder.glob("keyring-*.age"))
        if not copies:
            raise BackupFailed("there is no keyring, and the backup has no copy of one")
        keyring_copies.restore(copies[-1], identity_files[0], settings.keyring)
    try:
        context = Context.open(settings)
        try:
            manifest = read_manifest(folder, context.keyring.root.public_key())
            _opens(folder, manifest, identities)
            _store_must_be_empty(context)
        except BaseException:
            context.close()
            raise
    except BaseException:
        if brought:
            settings.keyring.unlink(missing_ok=True)
        raise
    try:
        _database(settings.owner_database_url, folder / "database.age", identities)
        with psycopg.connect(settings.owner_database_url) as owner:
            objects = _objects(context, owner, folder / "objects.age", identities)
            _end_ways_in(owner)
        again = tombstones.replay(context)
        with psycopg.connect(settings.owner_database_url) as owner:
            _count_seats(owner)
        with context.sessions() as session, transaction(session):
            record(
                session, OPERATOR, "backup.restore", "backup", folder.name,
                of=manifest["at"], objects=objects, destroyed_again=again,
            )  # fmt: skip
        return Restored(objects, again)
    finally:
        context.close()


def _identities(files: Sequence[Path]) -> list[Any]:
    found = [
        pyrage.x25519.Identity.from_str(line.strip())
        for one in files
        for line in one.read_text("utf-8").splitlines()
        if line.startswith("AGE-SECRET-KEY-1")
    ]
    if not found:
        raise BackupFailed("the identity files hold no age identity")
    return found


def _must_be_empty(owner: psycopg.Connection[Any]) -> None:
    count = owner.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    if count is None or count[0]:
        raise BackupFailed("the database is not empty: restore into a new one")


def _store_must_be_empty(context: Context) -> None:
    """Refuse a store with anything in it: half of another restore, or of another installation."""
    for found in (context.objects.list_sealed(), context.objects.list_releases()):
        if next(iter(found), None) is not None:
            raise BackupFailed("the object store is not empty: restore into new buckets")


class _Enough(Exception):
    """The first piece came out: the identity opens it."""


class _First(io.RawIOBase):
    def write(self, _piece: object) -> int:
        raise _Enough


def _opens(folder: Path, manifest: dict[str, Any], identities: list[Any]) -> None:
    """Refuse an identity that does not open the parts, before anything is written."""
    for part in manifest["files"]:
        try:
            with (folder / part["name"]).open("rb") as source:
                pyrage.decrypt_io(source, _First(), identities)
        except _Enough:
            continue
        except pyrage.DecryptError as error:
            raise BackupFailed(f"the identity does not open {part['name']}") from error


# --- the database ----------------------------------------------------------------------------


def _database(url: str, sealed: Path, identities: list[Any]) -> None:
    command = [tool("pg_restore"), "--no-owner", "--exit-on-error"]
    environment = libpq(url)
    command += ["--dbname", environment["PGDATABASE"]]
    with _opened(sealed, identities) as plain:
        done = subprocess.run(  # noqa: S603 - our own tool and no argument from anyone
            command, env=environment, stdin=plain, stderr=subprocess.PIPE, check=False
        )
    if done.returncode != 0:
        raise BackupFailed(f"pg_restore: {done.stderr.decode(errors='replace')[:300]}")


@contextmanager
def _opened(sealed: Path, identities: list[Any]) -> Iterator[IO[bytes]]:
    """Give the plaintext of an age file as a pipe; raises `BackupFailed` when it does not open."""
    reading, writing = os.pipe()
    trouble: list[BaseException] = []

    def pump() -> None:
        try:
            with sealed.open("rb") as source, os.fdopen(writing, "wb") as out:
                pyrage.decrypt_io(source, out, identities)
        except BaseException as error:  # noqa: BLE001 - handed to the reader's thread
            trouble.append(error)

    thread = threading.Thread(target=pump, name="backup-open", daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as plain:
            yield plain
            while plain.read(CHUNK):
                continue
    except BaseException:
        thread.join(5)
        if trouble and isinstance(trouble[0], pyrage.DecryptError):
            raise BackupFailed(f"the identity does not open {sealed.name}") from trouble[0]
        raise
    thread.join()
    if trouble:
        raise BackupFailed(f"the identity does not open {sealed.name}") from trouble[0]


# --- objects ---------------------------------------------------------------------------------


def _objects(
    context: Context, owner: psycopg.Connection[Any], sealed: Path, identities: list[Any]
) -> int:
    count = 0
    with (
        _opened(sealed, identities) as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
        owner.cursor() as cursor,
    ):
        for entry in archive:
            content = archive.extractfile(entry)
            place, _, key = entry.name.partition("/")
            if content is None:
                continue
            if place == "journals":
                _journal(context.settings.anchors / key, content.read())
                continue
            count += 1
            if place == "sealed":
                version = context.objects.put_sealed(key, content.read())
                # The store gives versions of its own: rows have to name the new ones.
                for table in VERSIONED:
                    renew = sql.SQL("UPDATE {} SET object_version = %s WHERE object_key = %s")
                    cursor.execute(renew.format(sql.Identifier(table)), (version, key))
            elif place == "releases":
                with context.objects.release_writer(key) as out:
                    while piece := content.read(CHUNK):
                        out.write(piece)
    owner.commit()
    return count


def _journal(target: Path, content: bytes) -> None:
    """Put a journal back unless the folder has it: the folder's own is newer."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)


# --- what a restored database may not say ----------------------------------------------------


def _end_ways_in(owner: psycopg.Connection[Any]) -> None:
    """Let nobody in, or look, by what may have been ended since."""
    for table in WAYS_IN:
        owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    for table, ended, open_ in UNDERWAY:
        end = sql.SQL("UPDATE {} SET {} WHERE {}")
        owner.execute(end.format(sql.Identifier(table), sql.SQL(ended), sql.SQL(open_)))
    owner.commit()


def _count_seats(owner: psycopg.Connection[Any]) -> None:
    """Count taken seats anew: registrations were withdrawn again."""
    owner.execute(
        "UPDATE events SET seats_taken = (SELECT count(*) FROM registrations"
        " WHERE registrations.event_id = events.id"
        " AND registrations.status::text = ANY(%s))",
        ([status.value for status in SEATED],),
    )
    owner.commit()
