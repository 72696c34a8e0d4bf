"""Remember outside the database what was destroyed, and destroy it again after a restore (H4).

A restored database has forgotten the tombstones of the days since the backup together with the
destructions themselves. So each one is also a line in a file beside the audit's anchors, written
before the database says so: ids and reasons, nothing else.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.documents.models import Document, Tombstone
from heyan.events.models import VaultKey, VaultKeyStatus
from heyan.registrations.models import Registration, RegistrationStatus
from uploads_worker.context import Context
from uploads_worker.hosts import ClocksDisagree, require_time
from uploads_worker.keeping import holds_journal

log = structlog.get_logger("worker")

# CONTROLS section 5: the backups' window and 30 days.
KEPT = timedelta(days=65)
BATCH = 1000


def add(
    context: Context,
    session: Session,
    kind: str,
    subject_id: object,
    reason: str,
    *,
    destroyed_at: datetime,
    object_key: str | None = None,
) -> None:
    """Leave a tombstone in the journal at once and in the database with the transaction."""
    _write(context.settings.anchors, kind, str(subject_id), reason)
    session.add(
        Tombstone(
            subject_kind=kind,
            subject_id=str(subject_id),
            object_key=object_key,
            reason=reason,
            destroyed_at=destroyed_at,
            proven_at=clock.now(),
        )
    )


def _write(folder: Path, kind: str, subject_id: str, reason: str) -> None:
    now = clock.now()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = json.dumps({"at": now.isoformat(), "kind": kind, "id": subject_id, "reason": reason})
    target = folder / f"tombstones-{now:%Y-%m}.jsonl"
    descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # One write: lines of several threads and processes do not mix.
        os.write(descriptor, line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def journal(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield kind, id and reason of what was destroyed while any backup may still hold it."""
    since = clock.now() - KEPT
    for path in sorted(folder.glob("tombstones-*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    one = json.loads(line)
                    if datetime.fromisoformat(one["at"]) >= since:
                        yield str(one["kind"]), str(one["id"]), str(one["reason"])
                except (ValueError, KeyError, TypeError):
                    # A line that a crash cut short: its act was not finished either.
                    continue


def replay(context: Context) -> int:
    """Destroy again what the journal knows and the database does not; return how many."""
    try:
        require_time(context)
    except ClocksDisagree:
        # What is there longer than it need be does no harm.
        pass
    else:
        _forget_old(context.settings.anchors)
    holds_journal.replay(context)
    done = 0
    page: list[tuple[str, str, str]] = []
    for one in journal(context.settings.anchors):
        page.append(one)
        if len(page) == BATCH:
            done += _replay_page(context, page)
            page = []
    done += _replay_page(context, page)
    if done:
        log.warning("tombstones.replayed", count=done)
        with context.sessions() as session, transaction(session):
            record(session, WORKER, "tombstones.replay", "worker", count=done)
    return done


def _replay_page(context: Context, page: list[tuple[str, str, str]]) -> int:
    with context.sessions() as session:
        rows = session.execute(
            select(Tombstone.subject_kind, Tombstone.subject_id).where(
                Tombstone.subject_id.in_({subject for _kind, subject, _reason in page})
            )
        )
        known = {(kind, subject) for kind, subject in rows}
    todo = {(kind, subject): reason for kind, subject, reason in page}
    return sum(
        _again(context, kind, subject, reason)
        for (kind, subject), reason in todo.items()
        if (kind, subject) not in known
    )


def _again(context: Context, kind: str, subject: str, reason: str) -> bool:
    """Destroy one thing again; tell whether the database still had it."""
    from uploads_worker import destruction, endings, recordings, retention
    from uploads_worker.keeping import archive

    if kind == "document":
        _withdrawn_again(context, uuid.UUID(subject), reason)
        return destruction.destroy_document(context, uuid.UUID(subject), because=reason, again=True)
    if kind == "recording":
        return recordings.destroy_recording(context, uuid.UUID(subject), because=reason)
    if kind == "recording_key":
        return recordings.destroy_key(context, subject)
    if kind == "archive":
        return archive.destroy_again(context, uuid.UUID(subject))
    if kind == "release":
        return destruction.destroy_release(context, uuid.UUID(subject), reason)
    with context.sessions() as session, transaction(session):
        if kind == "account":
            state = select(Account.status).where(Account.id == uuid.UUID(subject))
            if session.scalar(state) not in (None, AccountStatus.CLOSED):
                retention.erase_account(context, session, uuid.UUID(subject), reason, again=True)
                return True
            return False
        key = session.get(VaultKey, subject) if kind == "vault_key" else None
        event_id = key.event_id if key and key.status is not VaultKeyStatus.DESTROYED else None
    if event_id is None:
        return False
    endings.end_event(context, event_id, again=True)
    return True


def _withdrawn_again(context: Context, document_id: uuid.UUID, reason: str) -> None:
    """Bring a registration that was withdrawn after the backup to its end again."""
    from uploads_worker import endings

    if reason != "withdrawn":
        return
    with context.sessions() as session, transaction(session):
        row = session.scalars(
            select(Registration)
            .join(Document, Document.registration_id == Registration.id)
            .where(Document.id == document_id, Document.destroyed_at.is_(None))
            .with_for_update(of=Registration)
        ).first()
        if row is None or row.status is RegistrationStatus.WITHDRAWN:
            return
        row.status = RegistrationStatus.WITHDRAWN
        row.withdrawn_at = row.updated_at = clock.now()
        row.waiting = None
        session.flush()
        endings.forget_numbers(session, Registration.id == row.id)
        record(
            session, WORKER, "registrations.withdraw", "registration", row.id, because="restored"
        )


def _forget_old(folder: Path) -> None:
    """Delete months that no backup reaches any more."""
    oldest = f"tombstones-{clock.now() - KEPT:%Y-%m}.jsonl"
    for path in folder.glob("tombstones-*.jsonl"):
        if path.name < oldest:
            path.unlink(missing_ok=True)
