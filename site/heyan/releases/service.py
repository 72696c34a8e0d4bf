"""The verbs of the hand-over on the organizer's side: list, ask for, fetch, acknowledge."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.documents.custody import note_steps
from heyan.documents.models import CustodyEvent, CustodyStep, Document, DocumentState
from heyan.events.models import Event
from heyan.jobs import Job, defer
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.releases.models import ItemState, Release, ReleaseItem, ReleaseState
from heyan.releases.states import ForbiddenTransition, move_release

PAGE = 20
# Of a file that comes in pieces, so many apart from one another are kept in mind.
MOST_PIECES = 1000
FETCHABLE = (
    ReleaseState.OFFERED,
    ReleaseState.FETCHED,
    ReleaseState.ACKNOWLEDGED,
    ReleaseState.DECIDED,
)


class ReleaseUnknown(Exception):
    """No such release, or not this organization's."""


class DigestDiffers(Exception):
    """The acknowledged digest is not the manifest's."""


class StillInUse(Exception):
    """The batch is not decided and its event is not over: nothing to confirm yet."""


@dataclass(frozen=True)
class Waiting:
    """How many documents of an event are sealed and not in a batch yet."""

    event: Event
    documents: int


def list_releases(
    session: Session, organization_id: uuid.UUID, before: uuid.UUID | None = None
) -> list[Release]:
    """Return a page of the organization's releases, the newest first, after *before*."""
    query = (
        select(Release)
        .where(Release.organization_id == organization_id)
        .options(joinedload(Release.event))
        .order_by(Release.created_at.desc(), Release.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        mark = select(Release.created_at, Release.id).where(
            Release.id == before, Release.organization_id == organization_id
        )
        query = query.where(tuple_(Release.created_at, Release.id) < mark.scalar_subquery())
    return list(session.scalars(query))


def load(session: Session, organization_id: uuid.UUID, release_id: uuid.UUID) -> Release:
    """Return one of the organization's releases with its event; raises `ReleaseUnknown`."""
    row = session.scalars(
        select(Release)
        .where(Release.id == release_id, Release.organization_id == organization_id)
        .options(joinedload(Release.event))
    ).first()
    if row is None:
        raise ReleaseUnknown
    return row


def waiting(session: Session, organization_id: uuid.UUID) -> list[Waiting]:
    """Return the organization's events with documents that wait for a batch."""
    rows = session.execute(
        select(Event, func.count(Document.id))
        .join(Document, Document.event_id == Event.id)
        .join(Registration, Registration.id == Document.registration_id)
        .where(
            Event.organization_id == organization_id,
            Document.state == DocumentState.SEALED,
            Registration.status.in_((RegistrationStatus.SUBMITTED, RegistrationStatus.RETURNED)),
        )
        .group_by(Event.id)
        .order_by(Event.closes_at)
    )
    return [Waiting(event, count) for event, count in rows]


def unconfirmed(session: Session, late_since: datetime) -> tuple[int, int]:
    """Return how many batches no organizer has confirmed, and how many since *late_since*."""
    row = session.execute(
        select(func.count(), func.count().filter(Release.offered_at < late_since)).where(
            Release.state.in_((ReleaseState.OFFERED, ReleaseState.FETCHED))
        )
    ).one()
    return int(row[0]), int(row[1])


def request_release(
    session: Session, actor: Actor, organization_id: uuid.UUID, event_id: uuid.UUID
) -> None:
    """Ask the worker for a batch now; raises `ReleaseUnknown` for another's event."""
    with transaction(session):
        event = session.scalars(
            select(Event).where(Event.id == event_id, Event.organization_id == organization_id)
        ).first()
        if event is None:
            raise ReleaseUnknown
        record(session, actor, "releases.request", "event", event_id)
        defer(
            session,
            Job.BUILD_RELEASE,
            lock=f"release:{event_id}",
            event_id=event_id,
            trigger="demand",
            requested_by=actor.id,
        )


def sent(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    release_id: uuid.UUID,
    *,
    first: int,
    end: int,
) -> None:
    """Record that bytes *first* up to *end* (exclusive) of the file have left.

    The batch counts as fetched when every one of its bytes has left, in one answer, in resumed
    ones or in several at once, as download managers ask (L2b).
    """
    with transaction(session):
        row = _locked(session, organization_id, release_id)
        whole = _add_sent(session, row, first, end)
        if whole and row.state is ReleaseState.OFFERED:
            row.state = move_release(row.state, ReleaseState.FETCHED)
            row.fetched_at, row.fetched_by = clock.now(), actor.id
            _note(session, row, CustodyStep.FETCHED)
        record(session, actor, "releases.fetch", "release", row.id, first=first, end=end)


def _add_sent(session: Session, release: Release, first: int, end: int) -> bool:
    """Add bytes to those that have left; tell whether that is the whole file.

    The database joins what touches. Crumbs without end are not kept: what would be one piece too
    many is left out, and can be asked for again.
    """
    sent = session.scalar(
        select(Release.sent.op("+")(func.int8multirange(func.int8range(first, end)))).where(
            Release.id == release.id
        )
    )
    if sent is None or len(sent) > MOST_PIECES:
        return False
    release.sent = list(sent)
    return len(sent) == 1 and (sent[0].lower, sent[0].upper) == (0, release.file_bytes)


def confirm_destroyed(
    session: Session, actor: Actor, organization_id: uuid.UUID, release_id: uuid.UUID
) -> None:
    """Record the organizer's word that it destroyed what it held of this batch (L5).

    Each document that was in its file gets the step, and so the person a signed receipt of it.
    Raises `ReleaseUnknown`, and `StillInUse` before the batch is decided or its event over.
    """
    with transaction(session):
        row = load(session, organization_id, release_id)
        session.refresh(row, with_for_update={"of": Release})
        if not may_confirm_destroyed(row):
            raise StillInUse
        if row.holder_destroyed_at is None:
            row.holder_destroyed_at, row.holder_destroyed_by = clock.now(), actor.id
            note_steps(
                session,
                _offered_in(session, row),
                CustodyStep.HOLDER_DESTROYED,
                release_id=str(row.id),
                release_number=row.number,
                manifest_sha256=(row.manifest_sha256 or b"").hex(),
            )
            record(session, actor, "releases.holder_destroyed", "release", row.id)


def _offered_in(session: Session, release: Release) -> Sequence[uuid.UUID]:
    """Return the documents that the release's file held, also those handed over anew since."""
    offered = exists().where(
        CustodyEvent.document_id == ReleaseItem.document_id,
        CustodyEvent.step == CustodyStep.OFFERED,
        CustodyEvent.details["release_id"].astext == str(release.id),
    )
    return session.scalars(
        select(ReleaseItem.document_id).where(ReleaseItem.release_id == release.id, offered)
    ).all()


def may_confirm_destroyed(release: Release) -> bool:
    """Tell whether the purpose of a batch is done, so that its holder can destroy it."""
    if release.state in (ReleaseState.DECIDED, ReleaseState.DESTROYED):
        return True
    return release.state is not ReleaseState.CLAIMED and clock.now() > release.event.ends_at


def open_releases(session: Session, organization_id: uuid.UUID) -> list[Release]:
    """Return the releases that wait for the organizer, the oldest first, at most a page."""
    waiting_states = (ReleaseState.OFFERED, ReleaseState.FETCHED, ReleaseState.ACKNOWLEDGED)
    return list(
        session.scalars(
            select(Release)
            .where(Release.organization_id == organization_id, Release.state.in_(waiting_states))
            .options(joinedload(Release.event))
            .order_by(Release.created_at, Release.id)
            .limit(PAGE)
        )
    )


def acknowledge(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    release_id: uuid.UUID,
    manifest_sha256: str,
) -> Release:
    """Record that the organizer verified this very manifest.

    Raises `ReleaseUnknown`, `DigestDiffers`, `ForbiddenTransition`.
    """
    with transaction(session):
        row = _locked(session, organization_id, release_id)
        expected = (row.manifest_sha256 or b"").hex()
        given = manifest_sha256.strip().lower()
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            raise DigestDiffers
        if row.state in (ReleaseState.ACKNOWLEDGED, ReleaseState.DECIDED):
            return row
        row.state = move_release(row.state, ReleaseState.ACKNOWLEDGED)
        row.acknowledged_at, row.acknowledged_by = clock.now(), actor.id
        _note(session, row, CustodyStep.ACKNOWLEDGED)
        record(session, actor, "releases.acknowledge", "release", row.id)
        return row


def _locked(session: Session, organization_id: uuid.UUID, release_id: uuid.UUID) -> Release:
    row = session.scalars(
        select(Release)
        .where(Release.id == release_id, Release.organization_id == organization_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None or row.state not in FETCHABLE:
        raise ReleaseUnknown
    return row


def _note(session: Session, release: Release, step: CustodyStep) -> None:
    """Write the step into the custody of each document that the release holds."""
    included = session.scalars(
        select(ReleaseItem.document_id).where(
            ReleaseItem.release_id == release.id, ReleaseItem.state == ItemState.INCLUDED
        )
    )
    note_steps(session, included, step, release_id=str(release.id), release_number=release.number)


__all__ = [
    "DigestDiffers",
    "ForbiddenTransition",
    "ReleaseUnknown",
    "StillInUse",
    "Waiting",
    "acknowledge",
    "confirm_destroyed",
    "list_releases",
    "load",
    "may_confirm_destroyed",
    "open_releases",
    "request_release",
    "sent",
    "waiting",
]
