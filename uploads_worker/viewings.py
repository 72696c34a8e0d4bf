"""Open what an approved request names, for the one person who asked, and end it within a day.

The approval is asked for again here, before anything is opened and once more before the file is
offered; the pin on this host decides whose key it is sealed to. Killed at any step, a second run
takes over.
"""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.custody.objects import new_key
from heyan.db import transaction
from heyan.documents.custody import note_steps
from heyan.documents.models import CustodyStep, Document
from heyan.exports.models import Export
from heyan.notifications.service import notify
from heyan.policies import promises
from heyan.viewings import standing
from heyan.viewings.models import Viewing, ViewingItem, ViewingState
from heyan.viewings.service import subject_ids
from heyan.viewings.states import move_viewing
from uploads_worker import export_sheet, people, tombstones
from uploads_worker.context import Context
from uploads_worker.releases.building import only_builder
from uploads_worker.viewing_file import Made, Order, may_be_shown, write

log = structlog.get_logger("worker")

APPROVAL, RECIPIENT, NOTHING = "approval", "recipient", "nothing"
BATCH = 100


def build_viewing(context: Context, viewing_id: uuid.UUID) -> None:
    """Make the file of one ordered viewing; nothing happens when it is made, over or in work.

    Without a pinned key it waits; with one that database and keyring do not agree on, or without
    a full and live approval of these very records, it is refused and said so.
    """
    with only_builder(context, viewing_id) as alone:
        if not alone:
            return
        order = _prepare(context, viewing_id)
        if order is None:
            return
        made = write(context, order)
        with context.sessions() as session:
            offered = _offer(session, order, made)
        if not offered:
            context.objects.destroy_release(order.object_key)
        log.info("viewing.made", viewing_id=str(viewing_id), offered=offered)


def _prepare(context: Context, viewing_id: uuid.UUID) -> Order | None:
    """Return what is to be made, with a fresh key of the store, or None when nothing is."""
    with context.sessions() as session:
        row = session.get(Viewing, viewing_id)
        if row is None or row.state is not ViewingState.ORDERED or row.expires_at <= clock.now():
            return None
        left, requester_id = row.object_key, row.requester_id
    if left is not None:
        # Begun before and not finished: nobody was ever told of this object.
        context.objects.abort_release(left)
        context.objects.destroy_release(left)
    try:
        pin = people.check_pin(context, requester_id)
    except people.NoPin:
        log.info("viewing.waits_for_key", viewing_id=str(viewing_id))
        return None
    except people.PersonMismatch:
        _refuse(context, viewing_id, RECIPIENT)
        return None
    with context.sessions() as session, transaction(session):
        row = session.get(Viewing, viewing_id, with_for_update=True, populate_existing=True)
        if row is None or row.state is not ViewingState.ORDERED:
            return None
        if standing.owner_frozen(session, viewing_id):
            # Approved, yet held back until the account is its owner's again (S-102).
            log.info("viewing.waits_for_owner", viewing_id=str(viewing_id))
            return None
        approval = standing.approval(session, row)
        if approval is not None:
            row.object_key = new_key("v")
            return Order(
                viewing_id=viewing_id,
                object_key=row.object_key,
                kind=row.subject_kind,
                subjects=tuple(sorted(subject_ids(session, viewing_id))),
                recipient=pin.recipient,
                name=pin.name,
                number=approval.number,
            )
    _refuse(context, viewing_id, APPROVAL)
    return None


def _refuse(context: Context, viewing_id: uuid.UUID, problem: str) -> None:
    """Say that this viewing is not made, and why, to auditors and to the one who asked."""
    with context.sessions() as session, transaction(session):
        row = session.get(Viewing, viewing_id, with_for_update=True, populate_existing=True)
        if row is None or row.state is not ViewingState.ORDERED:
            return
        row.state = move_viewing(row.state, ViewingState.FAILED)
        row.problem = problem
        record(
            session, WORKER, "viewings.refuse", "viewing", viewing_id,
            outcome="alert", why=problem, request_id=row.request_id,
        )  # fmt: skip
        notify(session, row.requester_id, "viewing_refused", viewing_id=viewing_id)
    log.warning("viewing.refused", viewing_id=str(viewing_id), why=problem)


def _offer(session: Session, order: Order, made: Made) -> bool:
    """Offer the file in one transaction, when all that allowed it still stands."""
    with transaction(session):
        row = session.get(Viewing, order.viewing_id, with_for_update=True, populate_existing=True)
        if row is None or row.state is not ViewingState.ORDERED:
            return False
        if row.object_key != order.object_key:
            return False
        if standing.owner_frozen(session, row.id):
            row.object_key = None
            return False
        included = [one for one in order.subjects if one not in made.problems]
        if order.kind == "document":
            documents = session.scalars(
                select(Document)
                .where(Document.id.in_(included))
                .order_by(Document.id)
                .with_for_update(key_share=True)
            ).all()
            if not all(may_be_shown(one) for one in documents):
                # Withdrawn or replaced meanwhile: the next round makes it without.
                row.object_key = None
                return False
        if row.expires_at <= clock.now() or standing.approval(session, row) is None or not included:
            row.state = move_viewing(row.state, ViewingState.FAILED)
            row.problem = APPROVAL if included else NOTHING
            record(
                session, WORKER, "viewings.refuse", "viewing", row.id,
                outcome="refused", why=row.problem,
            )  # fmt: skip
            notify(session, row.requester_id, "viewing_refused", viewing_id=row.id)
            return False
        for subject_id, problem in made.problems.items():
            session.execute(
                update(ViewingItem)
                .where(ViewingItem.viewing_id == row.id, ViewingItem.subject_id == subject_id)
                .values(problem=problem)
            )
        row.state = move_viewing(row.state, ViewingState.OFFERED)
        row.recipient, row.manifest = order.recipient, made.manifest
        row.file_bytes, row.file_sha256 = made.file.length, made.file.sha256
        row.included_count, row.offered_at = len(included), clock.now()
        if order.kind == "document":
            note_steps(session, included, CustodyStep.COPIED, viewing_id=str(row.id))
        if order.kind == "export":
            export_sheet.note_built(session, included[0], made.rows or 0, row.request_id)
        record(
            session, WORKER, "viewings.offer", "viewing", row.id, request_id=row.request_id,
            included=included, problems=len(made.problems),
        )  # fmt: skip
        notify(session, row.requester_id, "viewing_ready", viewing_id=row.id)
        return True


def tend(context: Context) -> int:
    """End what is over and make what waited for its key; return how many were ended.

    Over means: its time or its approval ended, its document went, its key was ended.
    """
    ended = 0
    for viewing_id, reason in _over(context):
        ended += destroy(context, viewing_id, reason)
    with context.sessions() as session:
        waiting = session.scalars(
            select(Viewing.id)
            .where(Viewing.state == ViewingState.ORDERED, Viewing.expires_at > clock.now())
            .order_by(Viewing.id)
            .limit(BATCH)
        ).all()
    for viewing_id in waiting:
        build_viewing(context, viewing_id)
    return ended


def _over(context: Context) -> list[tuple[uuid.UUID, str]]:
    over: list[tuple[uuid.UUID, str]] = []
    with context.sessions() as session:
        rows = session.scalars(
            select(Viewing)
            .where(
                Viewing.destroyed_at.is_(None),
                (Viewing.expires_at <= clock.now()) | (Viewing.state == ViewingState.OFFERED),
            )
            .order_by(Viewing.id)
        ).all()
        for row in rows:
            if row.expires_at <= clock.now():
                over.append((row.id, "expired"))
            elif standing.live(session, row) is None:
                over.append((row.id, "ended"))
    return over


def destroy(context: Context, viewing_id: uuid.UUID, reason: str) -> bool:
    """Destroy a viewing's file, all versions, prove it and say so; tell whether it was there.

    Raises `ObjectNotDestroyed`, `ObjectStoreUnavailable`: then the row still says it is there.
    """
    with context.sessions() as session:
        row = session.get(Viewing, viewing_id)
    if row is None or row.destroyed_at is not None:
        return False
    versions = context.objects.destroy_release(row.object_key) if row.object_key else 0
    proven = clock.now()
    with context.sessions() as session, transaction(session):
        locked = session.get(Viewing, viewing_id, with_for_update=True, populate_existing=True)
        if locked is None or locked.destroyed_at is not None:
            return False
        if locked.object_key != row.object_key:
            return False
        was_offered = locked.state is ViewingState.OFFERED
        locked.state = move_viewing(locked.state, ViewingState.DESTROYED)
        locked.destroyed_at = proven
        if row.object_key:
            tombstones.add(
                context, session, "viewing", viewing_id, reason,
                destroyed_at=proven, object_key=row.object_key,
            )  # fmt: skip
        if was_offered and locked.subject_kind == "document":
            inside = session.scalars(
                select(ViewingItem.subject_id).where(
                    ViewingItem.viewing_id == viewing_id, ViewingItem.problem.is_(None)
                )
            ).all()
            note_steps(
                session, inside, CustodyStep.COPY_DESTROYED,
                viewing_id=str(viewing_id), reason=reason, versions=versions,
            )  # fmt: skip
        record(
            session, WORKER, "viewings.destroy", "viewing", viewing_id,
            reason=reason, versions=versions, fetched=locked.fetched_at is not None,
        )  # fmt: skip
    return True


def forget(context: Context) -> int:
    """Delete viewings as old as the audit entries that tell of them; return how many.

    What was asked for as a list goes as well, approved or not, as long as the request itself.
    """
    with context.sessions() as session, transaction(session):
        limit = promises.cutoff(session, "audit", clock.now())
        old = select(Viewing.id).where(
            Viewing.destroyed_at.is_not(None), Viewing.ordered_at <= limit
        )
        gone = 0
        for statement in (
            delete(ViewingItem).where(ViewingItem.viewing_id.in_(old)),
            delete(Viewing).where(Viewing.id.in_(old)),
            delete(Export).where(Export.asked_at <= limit),
        ):
            done = session.execute(statement, execution_options={"synchronize_session": False})
            gone += int(done.rowcount)  # type: ignore[attr-defined] # a DELETE has one
    return gone
