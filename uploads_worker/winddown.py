"""The end of the service: tell everybody once, then destroy everything and prove it (H5, S-079).

Every step may stop anywhere and is done again an hour later; the certificate is signed only when
the buckets were listed and hold nothing but what a law or an order keeps.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import String, cast, delete, exists, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.classification import REGISTRY
from heyan.contacts.models import (
    Contact,
    Recording,
    RecordingKey,
    RecordingKeyStatus,
    RecordingPart,
    RecordingState,
)
from heyan.custody import signing
from heyan.db import transaction
from heyan.documents.models import Document, Tombstone
from heyan.events.models import Event, EventStatus, VaultKey, VaultKeyStatus
from heyan.leads.models import DoNotContact, Lead
from heyan.notifications.models import Proof
from heyan.notifications.service import notify
from heyan.releases.models import Release
from heyan.retention import holds
from heyan.retention.models import ArchiveItem, LegalHold
from heyan.rights.models import AccessCopy
from heyan.safety.models import SafetyMark, SealedDigest
from heyan.usage.models import UsageHit, UsageVisitor
from heyan.viewings.models import Viewing
from heyan.winddown.models import EndingNotice, ServiceEnding
from heyan.winddown.service import NOTICE
from uploads_worker import (
    access_copy,
    destruction,
    endings,
    recordings,
    retention,
    safety,
    viewings,
)
from uploads_worker.context import Context
from uploads_worker.hosts import require_time
from uploads_worker.keeping import archive, remains

PAGE = 200
BECAUSE = "service_end"
# What a duty keeps for its own period, under ids that lead to nobody; nothing else is left but
# what an authority ordered.
STAYS = (
    "agreement.document",
    "audit",
    "consent",
    "consent.guardian",
    "decision",
    "legal.archive",
    "legal.order",
    "message.body",
    "rights.proof",
    "rights.request",
    "safety.flag",
    "security_log",
)
log = structlog.get_logger("worker")


def tend(context: Context) -> None:
    """Tell who was not told yet; from the end on, destroy, prove and certify."""
    with context.sessions() as session:
        row = session.scalar(
            select(ServiceEnding).where(
                ServiceEnding.cancelled_at.is_(None), ServiceEnding.approved_at.is_not(None)
            )
        )
    if row is None or row.ended_at is not None:
        return
    if row.ends_at > clock.now():
        _tell(context, row.id)
        return
    require_time(context)
    if row.begun_at is None and not _told_in_time(context, row.id):
        log.error("winddown.not_told", ends_at=row.ends_at.isoformat())
        _tell(context, row.id)
        return
    _end(context, row.id)


def _told_in_time(context: Context, ending_id: uuid.UUID) -> bool:
    """Tell whether people had their thirty days by what this worker wrote itself (S-078).

    The row of the end is the web's: whoever holds the web's password could write one that has
    passed already, with two names under it, and everything would be destroyed at once.
    """
    with context.sessions() as session:
        first = session.scalar(
            select(func.min(EndingNotice.told_at)).where(EndingNotice.ending_id == ending_id)
        )
    # A day for the worker that tells within the hour, and for one that was restarted.
    return first is not None and clock.now() >= first + NOTICE - timedelta(days=1)


def _tell(context: Context, ending_id: uuid.UUID) -> int:
    """Tell every account once, by every channel it has, in pages of one transaction each."""
    told = 0
    while True:
        with context.sessions() as session, transaction(session):
            session.scalar(
                select(ServiceEnding.id).where(ServiceEnding.id == ending_id).with_for_update()
            )
            people = session.scalars(
                select(Account.id)
                .where(
                    Account.status == AccountStatus.ACTIVE,
                    ~exists(
                        select(EndingNotice.account_id).where(
                            EndingNotice.ending_id == ending_id,
                            EndingNotice.account_id == Account.id,
                        )
                    ),
                )
                .order_by(Account.id)
                .limit(PAGE)
            ).all()
            for account_id in people:
                session.add(
                    EndingNotice(ending_id=ending_id, account_id=account_id, told_at=clock.now())
                )
                notify(session, account_id, "service_ending")
            if people:
                record(
                    session, WORKER, "winddown.tell", "service_ending", ending_id,
                    count=len(people),
                )  # fmt: skip
        told += len(people)
        if len(people) < PAGE:
            return told


# --- the final destruction -------------------------------------------------------------------


def _end(context: Context, ending_id: uuid.UUID) -> None:
    with context.sessions() as session, transaction(session):
        row = session.get_one(ServiceEnding, ending_id, with_for_update=True)
        if row.begun_at is None:
            row.begun_at = clock.now()
            record(session, WORKER, "winddown.begin", "service_ending", ending_id)
        archived = row.archived_at is not None
    _objects(context)
    if not archived:
        # `flask --app wsgi winddown archive`: only the site reads what the law keeps.
        log.error("winddown.waits_for_archive")
        return
    _rows(context)
    while archive.move(context):
        pass
    left = _empty_buckets(context)
    with context.sessions() as session, transaction(session):
        certificate = _certificate(context, session, ending_id, left)
        row = session.get_one(ServiceEnding, ending_id, with_for_update=True)
        if row.ended_at is not None:
            return
        row.ended_at = clock.now()
        row.certificate = signing.sign(
            signing.DESTRUCTION_TYPE, signing.canonical(certificate), context.keyring.root
        )
        record(
            session, WORKER, "winddown.end", "service_ending", ending_id,
            destroyed=certificate["destroyed"], objects_left=left,
        )  # fmt: skip


def _ids(context: Context, column: Any, *which: Any) -> list[Any]:
    with context.sessions() as session:
        return list(session.scalars(select(column).where(*which).order_by(column)))


def _objects(context: Context) -> None:
    """Destroy everything that is an object, and the keys first that would open it."""
    for event_id in _ids(context, Event.id, Event.status != EventStatus.ENDED):
        endings.end_event(context, event_id)
    for release_id in _ids(context, Release.id, Release.destroyed_at.is_(None)):
        destruction.destroy_release(context, release_id, BECAUSE)
    for viewing_id in _ids(context, Viewing.id, Viewing.destroyed_at.is_(None)):
        viewings.destroy(context, viewing_id, BECAUSE)
    for copy_id in _ids(context, AccessCopy.id, AccessCopy.destroyed_at.is_(None)):
        access_copy.destroy(context, copy_id)
    unheld = holds.not_held("contact", Recording.contact_id)
    for recording_id in _ids(
        context, Recording.id, Recording.state != RecordingState.DESTROYED, unheld
    ):
        recordings.destroy_recording(context, recording_id, because=BECAUSE)
    living = exists(
        select(Recording.id).where(
            Recording.key_id == RecordingKey.key_id, Recording.state != RecordingState.DESTROYED
        )
    )
    for key_id in _ids(
        context, RecordingKey.key_id, RecordingKey.status != RecordingKeyStatus.DESTROYED, ~living
    ):
        recordings.destroy_key(context, key_id)


def _rows(context: Context) -> None:
    """Empty every account, and delete what hangs on none."""
    # Marks and digests of what was destroyed just now, an hour before the sweep would.
    safety.expire(context)
    erased = exists(
        select(Tombstone.subject_id).where(
            Tombstone.subject_kind == "account",
            Tombstone.subject_id == cast(Account.id, String),
        )
    )
    for account_id in _ids(context, Account.id, ~erased):
        with context.sessions() as session, transaction(session):
            retention.erase_account(context, session, account_id, BECAUSE)
    with context.sessions() as session, transaction(session):
        gone = {}
        for name, statement in (
            ("leads", delete(Lead).where(holds.not_held("lead", Lead.id))),
            ("do_not_contact", delete(DoNotContact)),
            ("contacts", delete(Contact).where(holds.not_held("contact", Contact.id))),
            ("usage_hits", delete(UsageHit)),
            ("usage_visitors", delete(UsageVisitor)),
            # Codes and links under way to whoever asked, with an account or without.
            ("proofs", delete(Proof)),
            # Nothing is compared with anything any more.
            ("safety_sealed", delete(SealedDigest)),
            ("safety_marks", delete(SafetyMark)),
        ):
            done = session.execute(statement, execution_options={"synchronize_session": False})
            gone[name] = int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has one
        record(session, WORKER, "winddown.delete", "worker", found=gone)


def _empty_buckets(context: Context) -> int:
    """Remove what nothing keeps, then list both buckets; return how many objects are left."""
    with context.sessions() as session:
        kept = _kept_keys(session)
    context.objects.abort_unfinished(clock.now() + timedelta(hours=1))
    for found, destroy in _both(context):
        for key in sorted({one.key for one in found()} - kept):
            destroy(key)
    left = {one.key for found, _destroy in _both(context) for one in found()}
    if not left <= kept:
        raise NotEmpty(len(left - kept))
    return len(left)


class NotEmpty(Exception):
    """The buckets, or a category of the registry, hold something that nothing keeps."""


def _both(context: Context) -> tuple[tuple[Callable[[], Any], Callable[[str], int]], ...]:
    objects = context.objects
    return (
        (objects.list_sealed, objects.destroy_sealed),
        (objects.list_releases, objects.destroy_release),
    )


def _kept_keys(session: Session) -> set[str]:
    """Return the objects that a law (the archive) or an order (a hold) keeps."""
    kept = set(
        session.scalars(
            select(ArchiveItem.object_key).where(
                ArchiveItem.object_key.is_not(None), ArchiveItem.destroyed_at.is_(None)
            )
        )
    )
    kept |= set(session.scalars(select(Document.object_key).where(Document.destroyed_at.is_(None))))
    parts = RecordingPart
    kept |= set(
        session.scalars(
            select(parts.object_key)
            .join(Recording, Recording.id == parts.recording_id)
            .where(Recording.state != RecordingState.DESTROYED)
        )
    )
    return {key for key in kept if key is not None}


# --- the certificate -------------------------------------------------------------------------


def _certificate(
    context: Context, session: Session, ending_id: uuid.UUID, left: int
) -> dict[str, Any]:
    """Return what was destroyed and what stays by which law until when; counts alone."""
    counted = session.execute(
        select(Tombstone.subject_kind, func.count()).group_by(Tombstone.subject_kind)
    )
    destroyed = {row[0]: row[1] for row in counted}
    held_events = select(Event.id).where(Event.status != EventStatus.ENDED)
    keys = session.scalar(
        select(func.count())
        .select_from(VaultKey)
        .where(VaultKey.status != VaultKeyStatus.DESTROYED, VaultKey.event_id.not_in(held_events))
    )
    left_rows = remains.left(session)
    ordered = session.scalar(select(LegalHold.id).where(holds.in_force()).limit(1)) is not None
    unkept = {key: n for key, n in left_rows.items() if n and key not in STAYS}
    if unkept and not ordered:
        raise NotEmpty(", ".join(sorted(unkept)))
    now = clock.now()
    return {
        "format": "heyan-destruction/1",
        "ending_id": str(ending_id),
        "ended_at": now.isoformat(),
        "destroyed": destroyed,
        # Every category of the registry, also those of which nothing is left.
        "left": left_rows,
        "kept": {key: _why(key, n, now) for key, n in left_rows.items() if n},
        "objects_left": left,
        "objects_kept_by_law": len(_kept_keys(session)),
        "keys_left": keys or 0,
        "root": signing.key_id(context.keyring.root.public_key()),
    }


def _why(key: str, count: int, now: datetime) -> dict[str, Any]:
    """Return how much of a category stays, until when at the latest, and by which duty."""
    category = REGISTRY[key]
    if key not in STAYS:
        return {"count": count, "until": "released", "law": "an authority's order"}
    # What counts no days ends with what it belongs to, three years after at the latest.
    days = category.days or REGISTRY["rights.request"].days or 0
    return {
        "count": count,
        "until": (now + timedelta(days=days)).date().isoformat(),
        "law": category.floor.citation if category.floor else category.source,
    }
