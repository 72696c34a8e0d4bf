"""Compare rows and objects: what is missing, changed or known to nobody is said (S-090).

Documents and the parts of recordings alike. What no row knows is removed by the hourly sweep a day
after it came; what is older still is something that the sweep does not reach, and is said here.
"""

from __future__ import annotations

import http
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any

import structlog
from sqlalchemy import func, select, tuple_

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.contacts.models import Recording, RecordingPart, RecordingState
from heyan.custody.objects import ObjectCorrupt, ObjectMissing
from heyan.db import transaction
from heyan.documents.models import Document
from heyan.retention.models import ArchiveItem
from uploads_worker.context import Context

log = structlog.get_logger("worker")

BATCH = 200
# The hourly sweep has had its turns by then.
SWEPT_BY = timedelta(hours=3)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Go nowhere that an answer points to (C-71)."""

    def redirect_request(self, *_arguments: object) -> None:
        """Return no further request."""


# No proxy of the environment: the store is asked as the settings name it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


@dataclass(frozen=True)
class Held:
    """One sealed object as its row knows it; ``number`` is a recording's part, counted from 0."""

    kind: str
    subject: uuid.UUID
    object_key: str
    object_version: str | None
    ciphertext_sha256: bytes
    number: int | None = None


def reconcile(context: Context) -> dict[str, int]:
    """Read every sealed object and check its digest; report faults to the audit trail.

    Returns how many objects were looked at, and how many are missing, changed or unknown.
    """
    found = {"checked": 0, "missing": 0, "changed": 0}
    with ThreadPoolExecutor(context.settings.worker_threads) as pool:
        for page in chain(_documents(context), _parts(context)):
            for held, fault in zip(
                page, pool.map(lambda one: _fault(context, one), page), strict=True
            ):
                found["checked"] += 1
                if fault is not None and _still(context, held):
                    found[fault] += 1
                    _report(context, held.kind, held.subject, fault, part=held.number)
    found["missing"] += _short(context)
    found["unknown"] = _unknown(context)
    found["public"] = _public(context)
    if any(found[each] for each in ("missing", "changed", "unknown", "public")):
        log.error("reconcile.faults", **found)
    return found


def _documents(context: Context) -> Iterator[list[Held]]:
    after = uuid.UUID(int=0)
    while True:
        with context.sessions() as session:
            rows = session.scalars(
                select(Document)
                .where(Document.destroyed_at.is_(None), Document.id > after)
                .order_by(Document.id)
                .limit(BATCH)
            ).all()
        if not rows:
            return
        yield [
            Held("document", row.id, row.object_key, row.object_version, row.ciphertext_sha256)
            for row in rows
        ]
        after = rows[-1].id


def _parts(context: Context) -> Iterator[list[Held]]:
    after = (uuid.UUID(int=0), -1)
    while True:
        with context.sessions() as session:
            rows = session.scalars(
                select(RecordingPart)
                .join(Recording, Recording.id == RecordingPart.recording_id)
                .where(
                    Recording.state == RecordingState.SEALED,
                    tuple_(RecordingPart.recording_id, RecordingPart.number) > tuple_(*after),
                )
                .order_by(RecordingPart.recording_id, RecordingPart.number)
                .limit(BATCH)
            ).all()
        if not rows:
            return
        yield [
            Held(
                "recording", row.recording_id, row.object_key, row.object_version,
                row.ciphertext_sha256, row.number,
            )
            for row in rows
        ]  # fmt: skip
        after = (rows[-1].recording_id, rows[-1].number)


def _batches(found: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(found)
    while page := list(islice(rest, BATCH)):
        yield page


def _short(context: Context) -> int:
    """Report recordings that have fewer rows of parts than they were taken in with."""
    have = (
        select(func.count(RecordingPart.number))
        .where(RecordingPart.recording_id == Recording.id)
        .scalar_subquery()
    )
    with context.sessions() as session:
        short = session.scalars(
            select(Recording.id).where(
                Recording.state == RecordingState.SEALED, have != Recording.part_count
            )
        ).all()
    for recording_id in short:
        _report(context, "recording", recording_id, "missing")
    return len(short)


def _unknown(context: Context) -> int:
    """Report sealed objects that no living row names, long after the sweep should have come."""
    limit = clock.now() - timedelta(hours=context.settings.orphan_hours) - SWEPT_BY
    old = (one.key for one in context.objects.list_sealed() if one.modified < limit)
    count = 0
    for keys in _batches(old):
        with context.sessions() as session:
            known = {
                *session.scalars(select(Document.object_key).where(
                    Document.object_key.in_(keys), Document.destroyed_at.is_(None)
                )),
                *session.scalars(select(ArchiveItem.object_key).where(
                    ArchiveItem.object_key.in_(keys), ArchiveItem.destroyed_at.is_(None)
                )),
                *session.scalars(
                    select(RecordingPart.object_key)
                    .join(Recording, Recording.id == RecordingPart.recording_id)
                    .where(
                        RecordingPart.object_key.in_(keys),
                        Recording.state == RecordingState.SEALED,
                    )
                ),
            }  # fmt: skip
        for key in sorted(set(keys) - known):
            count += 1
            with context.sessions() as session, transaction(session):
                record(session, WORKER, "objects.unknown", "object", key[:64], outcome="failed")
    return count


def _public(context: Context) -> int:
    """Ask for one object of each bucket as a stranger would; return how many answered.

    A bucket, or a policy on it, that was opened to everyone is found the same day (S-090).
    """
    store, answered = context.objects, 0
    for bucket, listed in (
        (store.sealed_bucket, store.list_sealed()),
        (store.releases_bucket, store.list_releases()),
    ):
        one = next(iter(listed), None)
        if one is not None and _answers(f"{store.endpoint_url}/{bucket}/{one.key}"):
            answered += 1
            with context.sessions() as session, transaction(session):
                record(session, WORKER, "objects.public", "bucket", bucket, outcome="failed")
    return answered


def _answers(address: str) -> bool:
    """Tell whether *address* (of our own settings) gives its bytes to someone without a key."""
    asked = urllib.request.Request(address, method="GET")  # noqa: S310 - http(s) of our own settings
    try:
        with _OPENER.open(asked, timeout=10) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def _fault(context: Context, held: Held) -> str | None:
    try:
        context.objects.get_sealed(
            held.object_key, held.object_version, sha256=bytes(held.ciphertext_sha256)
        )
    except ObjectMissing:
        return "missing"
    except ObjectCorrupt:
        return "changed"
    return None


def _still(context: Context, seen: Held) -> bool:
    """Tell whether the row is what it was: destroyed or sealed anew meanwhile is no fault."""
    with context.sessions() as session:
        if seen.kind == "document":
            row = session.get(Document, seen.subject)
            return (
                row is not None and row.destroyed_at is None and row.object_key == seen.object_key
            )
        recording = session.get(Recording, seen.subject)
        part = session.get(RecordingPart, (seen.subject, seen.number))
        return (
            recording is not None
            and recording.state is RecordingState.SEALED
            and part is not None
            and part.object_key == seen.object_key
        )


def _report(
    context: Context, kind: str, subject: uuid.UUID, fault: str, *, part: int | None = None
) -> None:
    more: dict[str, Any] = {} if part is None else {"part": part}
    with context.sessions() as session, transaction(session):
        record(
            session, WORKER, f"{kind}s.reconcile", kind, subject, outcome="failed", fault=fault,
            **more,
        )  # fmt: skip
