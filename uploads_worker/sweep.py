"""The hourly sweep: whatever is past its last day goes, each kind by itself.

One kind that fails does not keep the others; what failed is tried again an hour later. Nothing
is marked as gone before it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, exists, func, or_, select, text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Invitation, LoginSession, SignIn, TrustedDevice
from heyan.audit.service import WORKER, record
from heyan.contacts.recordings import PREFIX
from heyan.custody.objects import ObjectStoreError, StoredObject
from heyan.db import transaction
from heyan.documents.models import Document, UploadCount
from heyan.leads.models import Lead
from heyan.notifications.models import Notice
from heyan.policies import promises
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.registrations.states import move
from heyan.releases.models import Release
from heyan.retention import holds
from heyan.retention.models import ArchiveItem
from heyan.rights.models import AccessCopy
from heyan.viewings.models import Viewing
from uploads_worker import (
    agreements,
    approvals,
    assisting,
    audit_expiry,
    contacts,
    destruction,
    endings,
    keyring_copies,
    messages,
    recordings,
    retention,
    safety,
    usage,
    viewings,
)
from uploads_worker.context import Context
from uploads_worker.hosts import require_time
from uploads_worker.keeping import archive, holds_journal
from uploads_worker.keeping import record as keeping

log = structlog.get_logger("worker")

BATCH = 200
SESSIONS = timedelta(days=30)
NOTICES = timedelta(days=365)
COUNTS = timedelta(days=2)


def sweep(context: Context) -> dict[str, int]:
    """Sweep every kind; return how many of each went.

    Raises when a kind failed, after the rest, and `ClocksDisagree` before anything is touched.
    """
    require_time(context)
    # What orders keep is written down outside first: a restore after this sweep knows it too.
    holds_journal.note(context)
    run_id = keeping.begin(context)
    done: dict[str, int] = {}
    failed: list[str] = []
    for name, broom in BROOMS.items():
        try:
            done[name] = broom(context)
        except Exception as error:  # noqa: BLE001 - the other kinds go on
            failed.append(name)
            log.warning("sweep.failed", kind=name, error=type(error).__name__)
    keeping.end(context, run_id, done, failed)
    found = {name: count for name, count in done.items() if count}
    if found or failed:
        log.info("sweep.done", **found, failed=failed)
        with context.sessions() as session, transaction(session):
            outcome = "failed" if failed else "done"
            record(
                session, WORKER, "sweep.run", "worker",
                outcome=outcome, failed=failed, found=found,
            )  # fmt: skip
    if failed:
        raise SweepIncomplete(", ".join(failed))
    return done


class SweepIncomplete(Exception):
    """Some kinds could not be swept; the message names them."""


# --- objects ---------------------------------------------------------------------------------


def _events(context: Context) -> int:
    with context.sessions() as session:
        due = endings.events_due(session)
    for event_id in due:
        endings.end_event(context, event_id)
    return len(due)


def _documents(context: Context) -> int:
    def pages() -> Iterator[list[uuid.UUID]]:
        after = uuid.UUID(int=0)
        while True:
            with context.sessions() as session:
                page = destruction.due_documents(session, BATCH, after)
            if page:
                yield page
            if len(page) < BATCH:
                return
            after = page[-1]

    def one(document_id: uuid.UUID) -> int:
        return int(destruction.destroy_document(context, document_id))

    return _each(context, pages(), one)


def _each(
    context: Context, pages: Iterable[list[uuid.UUID]], act: Callable[[uuid.UUID], int]
) -> int:
    """Call *act* for each id on threads; the first error is raised after all were tried."""
    total, error = 0, None
    with ThreadPoolExecutor(context.settings.worker_threads) as pool:
        for page in pages:
            for future in [pool.submit(act, one) for one in page]:
                try:
                    total += future.result()
                except ObjectStoreError as caught:
                    error = caught
    if error is not None:
        raise error
    return total


def _releases(context: Context) -> int:
    from uploads_worker.releases import expire_releases

    return expire_releases(context)


def _orphans(context: Context) -> int:
    """Remove sealed objects that no row knows, and those whose row says they were destroyed."""
    # Parts of recordings have rows and a sweep of their own.
    found = (one for one in context.objects.list_sealed() if not one.key.startswith(f"{PREFIX}/"))
    return _remove_unknown(context, found, (Document, ArchiveItem), context.objects.destroy_sealed)


def _release_orphans(context: Context) -> int:
    """The same for batches, and for uploads of one that never ended."""
    gone = context.objects.abort_unfinished(_young(context))
    return gone + _remove_unknown(
        context,
        context.objects.list_releases(),
        (Release, Viewing, AccessCopy),
        context.objects.destroy_release,
    )


def _young(context: Context) -> datetime:
    """Since when an object may still wait for its row."""
    return clock.now() - timedelta(hours=context.settings.orphan_hours)


def _remove_unknown(
    context: Context,
    found: Iterable[StoredObject],
    tables: Sequence[type[AccessCopy | ArchiveItem | Document | Release | Viewing]],
    destroy: Callable[[str], int],
) -> int:
    limit, gone = _young(context), 0
    for page in _pages(one for one in found if one.modified < limit):
        keys = {one.key for one in page}
        with context.sessions() as session:
            alive = {
                key
                for table in tables
                for key in session.scalars(
                    select(table.object_key).where(
                        table.object_key.in_(keys), table.destroyed_at.is_(None)
                    )
                )
            }
        for key in sorted(keys - alive):
            destroy(key)
            gone += 1
            _note(context, "objects.destroy_orphan", key)
    return gone


def _pages(found: Iterable[StoredObject]) -> Iterator[list[StoredObject]]:
    page: list[StoredObject] = []
    for one in found:
        page.append(one)
        if len(page) == BATCH:
            yield page
            page = []
    if page:
        yield page


def _note(context: Context, action: str, key: str) -> None:
    with context.sessions() as session, transaction(session):
        record(session, WORKER, action, "object", key[:64])


def _copies(context: Context) -> int:
    found = keyring_copies.expire(context.keyring, context.settings.keyring_copy_days)
    if found.unreachable:
        log.error("keyring.copy_unreachable", copies=len(found.unreachable))
    return len(found.renewed)


# --- rows ------------------------------------------------------------------------------------


def _drafts(context: Context) -> int:
    """Withdraw drafts that nobody went on with; their documents are due by then."""
    limit = clock.now() - timedelta(days=context.settings.draft_days)
    with context.sessions() as session, transaction(session):
        drafts = session.scalars(
            select(Registration)
            .where(
                Registration.status == RegistrationStatus.DRAFT,
                Registration.updated_at < limit,
                ~exists().where(
                    Document.registration_id == Registration.id, Document.destroyed_at.is_(None)
                ),
                holds.not_held("registration", Registration.id),
            )
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        ids = [one.id for one in drafts]
        for draft in drafts:
            draft.status = move(draft.status, RegistrationStatus.WITHDRAWN)
            draft.withdrawn_at = draft.updated_at = clock.now()
            record(session, WORKER, "registrations.expire", "registration", draft.id)
        session.flush()
        if ids:
            endings.forget_numbers(session, Registration.id.in_(ids))
            session.execute(
                delete(RegistrationAnswer).where(RegistrationAnswer.registration_id.in_(ids))
            )
    return len(ids)


def _numbers(context: Context) -> int:
    """Delete ID numbers whose documents are all destroyed: kept as long as these, no longer."""
    of_it = Document.registration_id == Registration.id
    with context.sessions() as session, transaction(session):
        return endings.forget_numbers(
            session,
            or_(
                Registration.status == RegistrationStatus.WITHDRAWN,
                (Registration.status == RegistrationStatus.VERIFIED)
                & exists().where(of_it)
                & ~exists().where(of_it, Document.destroyed_at.is_(None)),
            ),
        )


def _rows(table: type, condition: Callable[[], object]) -> Callable[[Context], int]:
    def broom(context: Context) -> int:
        with context.sessions() as session, transaction(session):
            return _deleted(session, delete(table).where(condition()))  # type: ignore[arg-type]

    return broom


def _deleted(session: Session, statement: object) -> int:
    done = session.execute(statement)  # type: ignore[call-overload]
    return int(done.rowcount)


def _sign_ins(context: Context) -> int:
    with context.sessions() as session, transaction(session):
        old = SignIn.at <= promises.cutoff(session, "security_log", clock.now())
        return _deleted(session, delete(SignIn).where(old))


def _limits(context: Context) -> int:
    with context.sessions() as session, transaction(session):
        statement = text("DELETE FROM rate_limits WHERE expires_at < :now")
        return _deleted(session, statement.bindparams(now=clock.now()))


def _parked(context: Context) -> int:
    """Delete parked jobs after 30 days; the audit trail keeps that they were parked."""
    with context.sessions() as session, transaction(session):
        return _deleted(
            session,
            text(
                "DELETE FROM procrastinate_jobs AS job WHERE status IN ('failed', 'aborted',"
                " 'cancelled') AND NOT EXISTS (SELECT 1 FROM procrastinate_events AS event"
                "  WHERE event.job_id = job.id AND event.at > now() - interval '30 days')"
                " AND NOT EXISTS (SELECT 1 FROM procrastinate_periodic_defers AS tick"
                "  WHERE tick.job_id = job.id)"
            ),
        )


def _access_copies(context: Context) -> int:
    from uploads_worker import access_copy

    return access_copy.expire(context)


def _rights(context: Context) -> int:
    from uploads_worker import rights_watch

    return rights_watch.expire(context)


BROOMS: dict[str, Callable[[Context], int]] = {
    "events": _events,
    "documents": _documents,
    "drafts": _drafts,
    "id_numbers": _numbers,
    "releases": _releases,
    "orphans": _orphans,
    "release_orphans": _release_orphans,
    # A recording first: its entry in the log stays as long as it does.
    "recordings": recordings.expire,
    "recording_orphans": recordings.remove_orphans,
    "recording_keys": recordings.destroy_keys,
    "contacts": contacts.expire,
    "leads": _rows(
        Lead, lambda: (Lead.delete_after <= clock.now()) & holds.not_held("lead", Lead.id)
    ),
    "sessions": _rows(LoginSession, lambda: LoginSession.last_seen_at < clock.now() - SESSIONS),
    "sign_ins": _sign_ins,
    "devices": _rows(TrustedDevice, lambda: TrustedDevice.expires_at < clock.now()),
    "invitations": _rows(Invitation, lambda: Invitation.expires_at < clock.now() - SESSIONS),
    "upload_counts": _rows(UploadCount, lambda: UploadCount.hour < clock.now() - COUNTS),
    "access_copies": _access_copies,
    "rights_requests": _rights,
    "notices": _rows(Notice, lambda: Notice.at < clock.now() - NOTICES),
    "rate_limits": _limits,
    "messages": messages.expire,
    "agreement_documents": agreements.forget,
    "assistance": assisting.expire,
    "usage_sums": usage.add_up,
    "usage": usage.expire,
    "safety": safety.expire,
    "answers": retention.answers,
    "closed_accounts": retention.erase_closed,
    "unused_warnings": retention.warn_unused,
    "decisions": retention.decisions,
    "custody": retention.custody,
    "consents": retention.consents,
    "audit": audit_expiry.expire,
    "approvals": approvals.expire,
    "viewings": viewings.forget,
    "keyring_copies": _copies,
    "legal_orders": keeping.forget_orders,
    "archive_move": archive.move,
    "archive": archive.expire,
    "sweep_runs": keeping.forget_runs,
    "parked_jobs": _parked,
}


def counts(context: Context) -> dict[str, int]:
    """Return how many documents wait for their end, for operators."""
    with context.sessions() as session:
        due = session.scalar(
            select(func.count())
            .select_from(Document)
            .where(Document.destroyed_at.is_(None), Document.destroy_due_at <= clock.now())
        )
    return {"documents_due": due or 0}
