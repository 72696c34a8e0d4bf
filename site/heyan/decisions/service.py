"""The verbs of deciding: keep partial work, undo it, publish it. Published rows never change."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.decisions.models import Decision, DecisionDraft
from heyan.decisions.results import ResultRow, RowProblem
from heyan.documents.models import Document, DocumentState
from heyan.documents.service import apply_decision
from heyan.registrations.service import refresh_status
from heyan.releases.models import ItemState, Release, ReleaseItem, ReleaseState
from heyan.releases.service import ReleaseUnknown
from heyan.releases.states import move_release


class NotAcknowledged(Exception):
    """The organizer has not acknowledged the batch yet."""


class NothingToPublish(Exception):
    """There is no draft in this release."""


@dataclass
class Checked:
    """What became of handed-in rows."""

    taken: list[ResultRow] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


@dataclass(frozen=True)
class Published:
    """How many decisions went out."""

    accepted: int
    returned: int
    stale: int


@dataclass(frozen=True)
class Progress:
    """Where a release's decisions stand."""

    documents: int
    drafted: int
    published: int


def check_rows(
    session: Session, release: Release, rows: Sequence[ResultRow], *, overwrite: bool = True
) -> Checked:
    """Hold each row against the release: unknown, stale, decided or conflicting ones are named.

    A row is bound to the document's ciphertext digest: one for another version is stale, and so
    is one for a document that was taken back. With *overwrite* False a row that differs from a
    saved draft is a conflict instead of taking over.
    """
    documents = {document.id: document for document in session.scalars(_included(release.id))}
    saved = {draft.document_id: draft for draft in drafts(session, release)}
    checked = Checked()
    for row in rows:
        document, draft = documents.get(row.document_id), saved.get(row.document_id)
        problem = None
        if document is None:
            problem = "unknown"
        elif not hmac.compare_digest(document.ciphertext_sha256, row.sha256):
            problem = "stale"
        elif document.state in (DocumentState.ACCEPTED, DocumentState.RETURNED):
            problem = "decided"
        elif not _undecided(document):
            problem = "stale"
        elif (
            not overwrite
            and draft is not None
            and (draft.outcome, draft.reason_code) != (row.outcome, row.reason_code)
        ):
            problem = "conflict"
        if problem:
            checked.problems.append(RowProblem(row.line, problem, str(row.document_id)))
        else:
            checked.taken.append(row)
    return checked


def _included(release_id: uuid.UUID) -> Select[Document]:
    return (
        select(Document)
        .join(ReleaseItem, ReleaseItem.document_id == Document.id)
        .where(ReleaseItem.release_id == release_id, ReleaseItem.state == ItemState.INCLUDED)
        .execution_options(populate_existing=True)
    )


def _undecided(document: Document) -> bool:
    """Tell whether a document still waits for a decision: one that was withdrawn is being
    destroyed, and a decision would give it another month to live.
    """
    return document.state is DocumentState.RELEASED and document.destroy_due_at > clock.now()


def save_drafts(
    session: Session,
    actor: Actor,
    release: Release,
    rows: Sequence[ResultRow],
    *,
    source: str,
    overwrite: bool = True,
    dropped: Sequence[uuid.UUID] = (),
) -> Checked:
    """Keep *rows* as drafts and forget those in *dropped* (undo); returns what was not taken."""
    if actor.id is None:
        raise ReleaseUnknown
    with transaction(session):
        session.get(Release, release.id, with_for_update=True)
        checked = check_rows(session, release, rows, overwrite=overwrite)
        for row in checked.taken:
            session.merge(
                DecisionDraft(
                    document_id=row.document_id,
                    release_id=release.id,
                    ciphertext_sha256=row.sha256,
                    outcome=row.outcome,
                    reason_code=row.reason_code,
                    reason_text=row.reason_text,
                    source=source,
                    drafted_by=actor.id,
                    updated_at=clock.now(),
                )
            )
        if dropped:
            session.execute(
                delete(DecisionDraft).where(
                    DecisionDraft.release_id == release.id,
                    DecisionDraft.document_id.in_(list(dropped)),
                )
            )
        record(
            session,
            actor,
            "decisions.draft",
            "release",
            release.id,
            taken=len(checked.taken),
            refused=len(checked.problems),
            undone=len(dropped),
            source=source,
        )
        return checked


def drafts(session: Session, release: Release) -> list[DecisionDraft]:
    """Return the release's unpublished decisions."""
    return list(
        session.scalars(select(DecisionDraft).where(DecisionDraft.release_id == release.id))
    )


def published(session: Session, release: Release) -> list[Decision]:
    """Return the release's published decisions, in order."""
    return list(
        session.scalars(
            select(Decision)
            .where(Decision.release_id == release.id)
            .order_by(Decision.published_at, Decision.id)
        )
    )


def progress(session: Session, release: Release) -> Progress:
    """Return how far the release's decisions are."""

    def count(query: object) -> int:
        return session.scalar(query) or 0  # type: ignore[call-overload]

    return Progress(
        documents=release.documents_count,
        drafted=count(
            select(func.count())
            .select_from(DecisionDraft)
            .where(DecisionDraft.release_id == release.id)
        ),
        published=count(
            select(func.count(func.distinct(Decision.document_id))).where(
                Decision.release_id == release.id
            )
        ),
    )


def publish(session: Session, actor: Actor, release: Release) -> Published:
    """Publish the release's drafts: students see them from this moment.

    A draft whose document has been replaced or withdrawn meanwhile is counted as stale and kept
    out. Raises `NotAcknowledged`, `NothingToPublish`.
    """
    if actor.id is None:
        raise ReleaseUnknown
    with transaction(session):
        row = session.get(Release, release.id, with_for_update=True, populate_existing=True)
        # Its file may be destroyed by then: what was acknowledged can still be decided.
        if row is None or row.acknowledged_at is None:
            raise NotAcknowledged
        waiting = drafts(session, row)
        if not waiting:
            raise NothingToPublish
        # Always in the same order, so that two publishers cannot lock each other out. What has
        # left this release meanwhile is another one's to decide.
        locked = {
            document.id: document
            for document in session.scalars(
                _included(row.id)
                .where(Document.id.in_([draft.document_id for draft in waiting]))
                .order_by(Document.id)
                .with_for_update(of=Document)
            )
        }
        accepted = returned = stale = 0
        touched: set[uuid.UUID] = set()
        for draft in sorted(waiting, key=lambda item: item.document_id):
            document = locked.get(draft.document_id)
            if (
                document is None
                or not hmac.compare_digest(document.ciphertext_sha256, draft.ciphertext_sha256)
                or not _undecided(document)
            ):
                stale += 1
                session.delete(draft)
                continue
            decision = Decision(
                document_id=document.id,
                release_id=row.id,
                ciphertext_sha256=draft.ciphertext_sha256,
                outcome=draft.outcome,
                reason_code=draft.reason_code,
                reason_text=draft.reason_text,
                source=draft.source,
                decided_by=actor.id,
                published_at=clock.now(),
            )
            session.add(decision)
            session.flush()
            apply_decision(session, document, decision)
            touched.add(document.registration_id)
            accepted += draft.outcome.value == "accepted"
            returned += draft.outcome.value == "returned"
            session.delete(draft)
        session.flush()
        for registration_id in sorted(touched):
            refresh_status(session, registration_id)
        _close_if_done(session, row)
        record(
            session,
            actor,
            "decisions.publish",
            "release",
            row.id,
            accepted=accepted,
            returned=returned,
            stale=stale,
        )
        return Published(accepted, returned, stale)


def _close_if_done(session: Session, release: Release) -> None:
    open_items = session.scalar(
        select(func.count())
        .select_from(ReleaseItem)
        .join(Document, Document.id == ReleaseItem.document_id)
        .where(
            ReleaseItem.release_id == release.id,
            ReleaseItem.state == ItemState.INCLUDED,
            Document.state == DocumentState.RELEASED,
        )
    )
    if not open_items and release.state is ReleaseState.ACKNOWLEDGED:
        release.state = move_release(release.state, ReleaseState.DECIDED)
        release.decided_at = clock.now()
