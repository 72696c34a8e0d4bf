"""The one transaction that makes a written file a release: from here on it can be fetched."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.agreements import service as agreements
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.documents.custody import note_steps
from heyan.documents.models import CustodyStep, Document, DocumentState
from heyan.documents.states import TRANSITIONS
from heyan.notifications.service import notify_many
from heyan.registrations.models import Registration
from heyan.releases.models import ItemState, Release, ReleaseItem, ReleaseState
from heyan.releases.states import move_release
from heyan.settings_limits import CustodyLimits
from uploads_worker.releases.claims import Claim, Paper
from uploads_worker.releases.waiting import OBJECT_MISSING, still_agreed
from uploads_worker.releases.writing import Written

# Documents handed over again (their first batch ended before it was opened) stay as they are.
READY = (DocumentState.SEALED, DocumentState.RELEASED)
NAMED = 50
# Documents in one statement.
BATCH = 5000


class NoLongerOurs(Exception):
    """Another run has taken the release over; what this one wrote must go."""


class Changed(Exception):
    """Documents in the file were withdrawn or replaced while it was written: nobody gets it."""

    def __init__(self, count: int) -> None:
        super().__init__(str(count))
        self.count = count


def offer(session: Session, limits: CustodyLimits, claim: Claim, made: Written) -> None:
    """Offer the written file: release, items, documents, custody, notices, audit, all at once.

    Raises `NoLongerOurs`, and `Changed` when a document in the file may no longer be handed over.
    """
    with transaction(session):
        release = session.get(
            Release, claim.release_id, with_for_update=True, populate_existing=True
        )
        mine = release is not None and release.object_key == claim.object_key
        if release is None or not mine or release.state is not ReleaseState.CLAIMED:
            raise NoLongerOurs
        if not agreements.valid(session, claim.organization_id):
            # Suspended while the file was written: the next run refuses it.
            raise NoLongerOurs
        _check_unchanged(session, claim, made)
        moment = clock.now()
        _mark_items(session, claim, made)
        for some in _batches(made.outcome.included):
            _hand_over(session, some)
        release.state = move_release(release.state, ReleaseState.OFFERED)
        release.recipient = made.recipient
        release.file_bytes, release.file_sha256 = made.file.length, made.file.sha256
        release.manifest, release.manifest_sha256 = made.manifest, made.manifest_sha256
        release.registrations_count = made.outcome.registrations
        release.documents_count = len(made.outcome.included)
        release.missing_count, release.broken_count = made.outcome.missing, made.outcome.broken
        release.offered_at = moment
        release.destroy_due_at = moment + timedelta(days=limits.release_open_days)
        _write_custody(session, claim, made)
        _tell_people(session, claim, made)
        record(
            session, WORKER, "releases.offer", "release", release.id,
            event_id=claim.event_id, number=claim.number, documents=release.documents_count,
            missing=release.missing_count, broken=release.broken_count,
        )  # fmt: skip
        if made.outcome.problems:
            _raise_alarm(session, claim, made)


def _batches(ids: list[uuid.UUID]) -> Iterable[list[uuid.UUID]]:
    return (ids[at : at + BATCH] for at in range(0, len(ids), BATCH))


def _check_unchanged(session: Session, claim: Claim, made: Written) -> None:
    """Lock the documents in the file and make sure that each may be handed over as it is in it."""
    inside = set(made.outcome.included)
    seen: dict[uuid.UUID, Paper] = {
        paper.document_id: paper for paper in claim.agreed_papers() if paper.document_id in inside
    }
    unchanged = 0
    for some in _batches(sorted(seen)):
        rows = session.execute(
            select(Document.id, Document.state, Document.ciphertext_sha256, Document.destroy_due_at)
            .where(Document.id.in_(some))
            .order_by(Document.id)
            .with_for_update(key_share=True)
        )
        unchanged += sum(
            state in READY and bytes(sha256) == seen[id_].sha256 and due > clock.now()
            for id_, state, sha256, due in rows
        )
    if unchanged != len(seen):
        raise Changed(len(seen) - unchanged)
    people = [
        person.registration_id
        for person in claim.people
        if any(paper.document_id in inside for paper in person.papers)
    ]
    agreed = still_agreed(session, people)
    if len(agreed) != len(people):
        raise Changed(len(people) - len(agreed))


def _mark_items(session: Session, claim: Claim, made: Written) -> None:
    here = update(ReleaseItem).where(ReleaseItem.release_id == claim.release_id)
    here = here.execution_options(synchronize_session=False)
    for some in _batches(made.outcome.included):
        session.execute(
            here.where(ReleaseItem.document_id.in_(some)).values(state=ItemState.INCLUDED)
        )
    for document_id, problem in made.outcome.problems.items():
        state = ItemState.MISSING if problem == OBJECT_MISSING else ItemState.BROKEN
        session.execute(
            here.where(ReleaseItem.document_id == document_id).values(state=state, problem=problem)
        )


def _hand_over(session: Session, ids: list[uuid.UUID]) -> None:
    if DocumentState.RELEASED not in TRANSITIONS[DocumentState.SEALED]:
        raise AssertionError("the table of a document's life has no hand-over")
    session.execute(
        update(Document)
        .where(Document.id.in_(ids), Document.state == DocumentState.SEALED)
        .values(state=DocumentState.RELEASED)
        .execution_options(synchronize_session=False)
    )


def _write_custody(session: Session, claim: Claim, made: Written) -> None:
    facts = {"release_id": str(claim.release_id), "release_number": claim.number}
    note_steps(session, made.outcome.included, CustodyStep.PREPARED, **facts)
    note_steps(
        session,
        made.outcome.included,
        CustodyStep.OFFERED,
        manifest_sha256=made.manifest_sha256.hex(),
        **facts,
    )


def _tell_people(session: Session, claim: Claim, made: Written) -> None:
    """Tell each account whose documents were handed over, and the organizer's members."""
    inside = set(made.outcome.included)
    counts = Counter(
        person.registration_id
        for person in claim.people
        for paper in person.papers
        if paper.document_id in inside
    )
    told = []
    for some in _batches(sorted(counts)):
        owners = session.execute(
            select(Registration.id, Registration.account_id).where(Registration.id.in_(some))
        )
        told += [
            (
                account_id,
                {
                    "registration_id": registration_id,
                    "release_number": claim.number,
                    "documents": counts[registration_id],
                },
            )
            for registration_id, account_id in owners
        ]
    notify_many(session, "document_handed_over", told)
    offered = {"release_id": claim.release_id, "number": claim.number}
    people = members(session, claim.organization_id)
    notify_many(session, "release_offered", [(member, offered) for member in people])


def members(session: Session, organization_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the organizer's accounts that can sign in."""
    return list(
        session.scalars(
            select(Account.id).where(
                Account.organization_id == organization_id,
                Account.realm == Realm.ORGANIZER,
                Account.status == AccountStatus.ACTIVE,
            )
        )
    )


def _raise_alarm(session: Session, claim: Claim, made: Written) -> None:
    """Say loudly which documents could not be opened (SECURITY 11, 14)."""
    problems = made.outcome.problems
    record(
        session, WORKER, "releases.documents_unopened", "release", claim.release_id,
        outcome="failed", missing=sum(one == OBJECT_MISSING for one in problems.values()),
        broken=made.outcome.broken, documents=[str(one) for one in problems][:NAMED],
    )  # fmt: skip
