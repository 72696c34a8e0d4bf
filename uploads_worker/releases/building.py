"""Build an event's releases: claim, write, offer. Killed at any step, a second run takes over.

Until the last transaction there is no release for anyone: a file without it is destroyed by the
next run (or the sweep), and its documents are claimed anew. Two builders of one event exclude
each other by a lock that dies with its process; one that lost it unnoticed finds in the last
transaction that the release is no longer its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.agreements import service as agreements
from heyan.audit.service import WORKER, record
from heyan.custody.objects import ObjectStoreError
from heyan.db import transaction
from heyan.events.models import Event
from heyan.releases.models import (
    Recipient,
    RecipientStatus,
    Release,
    ReleaseItem,
    ReleaseState,
)
from heyan.releases.states import move_release
from heyan.students.service import lock_number
from uploads_worker.context import Context
from uploads_worker.pinning import RecipientMismatch, check_pin
from uploads_worker.releases.claims import Claim, abandoned, claim, load_event
from uploads_worker.releases.offering import Changed, NoLongerOurs, offer
from uploads_worker.releases.writing import write_release

log = structlog.get_logger("worker")

RECIPIENT = "recipient"
AGREEMENT = "agreement"
# Gets under way at once: each waits for the store most of its time.
GETS = 8
# So often a release is made again because something in it was withdrawn or replaced meanwhile.
ROUNDS = 5


class KeepsChanging(Exception):
    """Documents were withdrawn or replaced during every round; the job tries again later."""


def build_release(
    context: Context,
    event_id: uuid.UUID,
    trigger: str,
    requested_by: uuid.UUID | None = None,
) -> None:
    """Make releases of everything that waits for the event's organizer, each within the limits.

    Nothing happens when nothing waits, when the organizer has no key yet, or while another
    worker builds for the event. Raises `ObjectStoreUnavailable`, to be tried again.
    """
    with only_builder(context, event_id) as alone:
        if not alone:
            log.info("release.built_elsewhere", event_id=str(event_id))
            return
        while _one(context, event_id, trigger, requested_by):
            log.info("release.more_waits", event_id=str(event_id))


def _one(
    context: Context, event_id: uuid.UUID, trigger: str, requested_by: uuid.UUID | None
) -> bool:
    """Make one release; tell whether more waits than it could hold."""
    for _round in range(ROUNDS):
        _clear_away(context, event_id)
        recipients = _recipients(context, event_id, trigger, requested_by)
        if not recipients:
            return False
        with context.sessions() as session:
            claimed = claim(session, context.settings, event_id, trigger, requested_by)
        if claimed is None:
            _round_made(context, event_id)
            return False
        made = write_release(
            claimed,
            context.objects,
            context.keyring,
            context.keyring.root,
            recipients,
            threads=GETS,
        )
        try:
            with context.sessions() as session:
                offer(session, context.settings, claimed, made)
        except Changed as error:
            log.info("release.changed", release_id=str(claimed.release_id), documents=error.count)
            continue
        except NoLongerOurs:
            _destroy(context, claimed)
            return False
        _round_made(context, event_id)
        log.info(
            "release.offered",
            release_id=str(claimed.release_id),
            number=claimed.number,
            documents=len(made.outcome.included),
            missing=made.outcome.missing,
            broken=made.outcome.broken,
            bytes=made.file.length,
        )
        return claimed.more
    raise KeepsChanging(str(event_id))


def _round_made(context: Context, event_id: uuid.UUID) -> None:
    """Remember when the event had its last round: the next one comes when its time comes.

    In a transaction of its own: whoever submits or withdraws holds the event and then waits for
    documents, which the transaction that offers them holds. Lost to a crash, the next round
    comes a little early.
    """
    with context.sessions() as session, transaction(session):
        session.execute(update(Event).where(Event.id == event_id).values(last_batch_at=clock.now()))


@contextmanager
def only_builder(context: Context, event_id: uuid.UUID) -> Iterator[bool]:
    """Hold the event's lock on a connection of its own; yield whether it was free.

    PostgreSQL lets go of it when the process or its connection dies, so what is left half made
    is known to be left.
    """
    number = lock_number("release", event_id)
    engine = context.sessions.kw["bind"]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        asked = {"number": number}
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), asked):
            yield False
            return
        try:
            yield True
        finally:
            # Not back into the pool: whatever happened, the lock ends with the connection.
            connection.invalidate()


def _clear_away(context: Context, event_id: uuid.UUID) -> None:
    """Destroy what an earlier run has stored of a release that it did not finish."""
    with context.sessions() as session:
        left = abandoned(session, event_id)
        key = left.object_key if left is not None else None
        session.rollback()
    if key is not None:
        context.objects.abort_release(key)
        context.objects.destroy_release(key)


def _destroy(context: Context, claimed: Claim) -> None:
    try:
        context.objects.destroy_release(claimed.object_key)
    except ObjectStoreError:
        # The sweep takes objects that no row knows.
        log.warning("release.left_object", release_id=str(claimed.release_id))


def _recipients(
    context: Context, event_id: uuid.UUID, trigger: str, requested_by: uuid.UUID | None
) -> tuple[str, ...]:
    """Return the pinned recipients; none when there is no event, no key yet, or a wrong one."""
    with context.sessions() as session:
        event = load_event(session, event_id)
        if event is None:
            return ()
        organization_id = event.organization_id
        if not context.keyring.recipients(organization_id) and not _said(session, organization_id):
            log.info("release.no_recipient", event_id=str(event_id))
            return ()
        if not agreements.valid(session, organization_id):
            # Nothing is handed to a party that is not bound (K2, S-104).
            log.info("release.no_agreement", event_id=str(event_id))
            _refuse(session, event_id, organization_id, trigger, requested_by, why=AGREEMENT)
            return ()
    try:
        return tuple(pin.recipient for pin in check_pin(context, organization_id))
    except RecipientMismatch:
        log.warning("release.recipient_refused", event_id=str(event_id))
        with context.sessions() as session:
            _refuse(session, event_id, organization_id, trigger, requested_by)
        return ()


def _said(session: Session, organization_id: uuid.UUID) -> bool:
    """Tell whether the database claims that the organization has a pinned recipient."""
    rows = select(Recipient.id).where(
        Recipient.organization_id == organization_id, Recipient.status == RecipientStatus.PINNED
    )
    return session.execute(rows.limit(1)).first() is not None


def _refuse(
    session: Session,
    event_id: uuid.UUID,
    organization_id: uuid.UUID,
    trigger: str,
    requested_by: uuid.UUID | None,
    *,
    why: str = RECIPIENT,
) -> None:
    """Leave a failed release, so that staff and organizer see why nothing comes (C-78)."""
    with transaction(session):
        session.get_one(Event, event_id, with_for_update=True)
        newest = session.scalars(
            select(Release)
            .where(Release.event_id == event_id)
            .order_by(Release.number.desc())
            .limit(1)
        ).first()
        refused = newest is not None and newest.state is ReleaseState.FAILED
        if newest is not None and refused and newest.problem == why:
            return
        release = abandoned(session, event_id)
        if release is None:
            release = Release(
                event_id=event_id,
                organization_id=organization_id,
                number=(newest.number if newest is not None else 0) + 1,
                trigger=trigger,
                requested_by=requested_by,
                state=ReleaseState.CLAIMED,
                created_at=clock.now(),
            )
            session.add(release)
            session.flush()
        session.execute(delete(ReleaseItem).where(ReleaseItem.release_id == release.id))
        release.state = move_release(release.state, ReleaseState.FAILED)
        release.problem = why
        record(
            session, WORKER, "releases.refuse", "release", release.id,
            outcome="refused", reason=why, event_id=event_id,
        )  # fmt: skip
