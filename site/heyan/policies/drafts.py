"""The verbs of a coming version: put it forward, approve it as another person, or give it up.

Whether a change is material is not its author's to say alone: what the registry and the contact
force is material, and so is every one of the six kinds of S-109.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, undefer

from heyan import clock
from heyan.accounts.twofold import same_human
from heyan.assessments import service as assessments
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.jobs import Job, defer
from heyan.policies import service
from heyan.policies.changes import Difference, forced, forced_kinds
from heyan.policies.models import ChangeKind, PolicyDraft, PolicyKind, PolicyVersion


class DraftUnknown(Exception):
    """No such draft."""


class DraftClosed(Exception):
    """Somebody decided about it already."""


class DraftOpen(Exception):
    """Another draft of this kind waits for a decision."""


class VersionTaken(Exception):
    """A version of that name was published, or its text is in force already."""


class SamePerson(Exception):
    """Who put a version forward cannot approve it."""


class TooSoon(Exception):
    """The date leaves too little time to tell people; ``earliest`` is the first that does."""

    def __init__(self, earliest: datetime) -> None:
        super().__init__(earliest.isoformat())
        self.earliest = earliest


class MustBeMaterial(Exception):
    """The change is a material one (S-109); ``kinds`` are missing, ``differences`` say why."""

    def __init__(self, kinds: set[ChangeKind], differences: Sequence[Difference]) -> None:
        super().__init__(", ".join(sorted(kind.value for kind in kinds)))
        self.kinds = kinds
        self.differences = list(differences)


class OwnerMissing(Exception):
    """A change of owner names who takes the information over and how to reach them (L-13)."""


@dataclass(frozen=True)
class Proposal:
    """What its author says of a coming version."""

    kind: PolicyKind
    version: str
    effective_at: datetime
    content: dict[str, Any]
    changes: str
    changes_en: str = ""
    material: bool = False
    kinds: frozenset[ChangeKind] = field(default_factory=frozenset)
    new_owner: str = ""


def present(session: Session, kind: PolicyKind) -> PolicyVersion | None:
    """Return the latest published version of *kind* with its text; None before the first."""
    rows = service.versions(session, kind)
    return service.full_version(session, kind, rows[0].version) if rows else None


def differences(session: Session, kind: PolicyKind, content: dict[str, Any]) -> list[Difference]:
    """Return what makes *content* a material change of the latest published version.

    That is what differs in it, and what was found to be a high risk since then (S-109).
    """
    before = present(session, kind)
    if before is None:
        return []
    found = forced(before.content, content)
    if kind is PolicyKind.PRIVACY:
        found += [
            Difference(ChangeKind.HIGH_RISK, subject, "", "")
            for subject in assessments.high_risks_since(session, before.published_at)
        ]
    return found


def propose(session: Session, actor: Actor, proposal: Proposal, notice_days: int) -> PolicyDraft:
    """Put a version forward.

    Raises `VersionTaken`, `DraftOpen`, `TooSoon`, `MustBeMaterial`, `OwnerMissing`.
    """
    with transaction(session):
        _check(session, proposal, notice_days)
        row = PolicyDraft(
            kind=proposal.kind,
            version=proposal.version,
            effective_at=proposal.effective_at,
            content=proposal.content,
            content_sha256=service.content_digest(proposal.content),
            changes=proposal.changes,
            changes_en=proposal.changes_en,
            material=proposal.material,
            kinds=sorted(kind.value for kind in proposal.kinds),
            new_owner=proposal.new_owner,
            proposed_by=actor.id,
            proposed_at=clock.now(),
            approved=False,
        )
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError as error:
            raise DraftOpen from error
        record(
            session, actor, "policies.propose", "policy_draft", row.id,
            kind=row.kind.value, version=row.version, material=row.material,
        )  # fmt: skip
        return row


def _check(session: Session, proposal: Proposal, notice_days: int) -> None:
    before = present(session, proposal.kind)
    names = {row.version for row in service.versions(session, proposal.kind)}
    digest = service.content_digest(proposal.content)
    if proposal.version in names or (before is not None and before.content_sha256 == digest):
        raise VersionTaken(proposal.version)
    found = differences(session, proposal.kind, proposal.content)
    missing = forced_kinds(found) - proposal.kinds
    if missing or (proposal.kinds and not proposal.material):
        raise MustBeMaterial(missing or set(proposal.kinds), found)
    if ChangeKind.OWNERSHIP in proposal.kinds and not proposal.new_owner:
        raise OwnerMissing
    _check_date(before, proposal.kind, proposal.material, proposal.effective_at, notice_days)


def _check_date(
    before: PolicyVersion | None,
    kind: PolicyKind,
    material: bool,
    effective_at: datetime,
    notice_days: int,
) -> None:
    """People need time to read; the agreement promises it for every change of it."""
    needs_notice = before is not None and (material or kind is PolicyKind.AGREEMENT)
    earliest = clock.now() + timedelta(days=notice_days if needs_notice else 0)
    if before is not None:
        earliest = max(earliest, before.effective_at)
    if effective_at < earliest:
        raise TooSoon(earliest)


def load(session: Session, draft_id: uuid.UUID, *, lock: bool = False) -> PolicyDraft:
    """Return a draft with its text; raises `DraftUnknown`."""
    query = (
        select(PolicyDraft).options(undefer(PolicyDraft.content)).where(PolicyDraft.id == draft_id)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise DraftUnknown
    return found


def waiting(session: Session) -> list[PolicyDraft]:
    """Return the drafts that nobody decided about, without their text."""
    return list(
        session.scalars(
            select(PolicyDraft)
            .where(PolicyDraft.decided_at.is_(None))
            .order_by(PolicyDraft.proposed_at)
        )
    )


def approve(
    session: Session,
    actor: Actor,
    draft_id: uuid.UUID,
    notice_days: int,
    *,
    browser: Sequence[str] = (),
) -> PolicyVersion:
    """Publish a draft as a second person; of a material change everybody is told.

    Raises `DraftUnknown`, `DraftClosed`, `SamePerson`, and `TooSoon` when the draft waited so
    long that too few days are left.
    """
    with transaction(session):
        draft = load(session, draft_id, lock=True)
        if draft.decided_at is not None:
            raise DraftClosed
        if same_human(session, actor.id, draft.proposed_by, browser=browser):
            raise SamePerson
        before = present(session, draft.kind)
        _check_date(before, draft.kind, draft.material, draft.effective_at, notice_days)
        draft.approved, draft.decided_by, draft.decided_at = True, actor.id, clock.now()
        version = service.publish(
            session,
            draft.kind,
            draft.version,
            draft.effective_at,
            draft.content,
            changes=draft.changes,
            changes_en=draft.changes_en,
            material=draft.material,
            kinds=draft.kinds,
            new_owner=draft.new_owner,
        )
        record(
            session, actor, "policies.publish", "policy", version.id,
            kind=version.kind.value, version=version.version, material=version.material,
            draft_id=str(draft.id),
        )  # fmt: skip
        if version.material:
            defer(session, Job.TELL_POLICY, lock=f"policy:{version.id}", policy_id=version.id)
        return version


def give_up(session: Session, actor: Actor, draft_id: uuid.UUID) -> None:
    """End a draft without publishing it. Raises `DraftUnknown`, `DraftClosed`."""
    with transaction(session):
        draft = load(session, draft_id, lock=True)
        if draft.decided_at is not None:
            raise DraftClosed
        draft.decided_by, draft.decided_at = actor.id, clock.now()
        record(session, actor, "policies.give_up", "policy_draft", draft.id)
