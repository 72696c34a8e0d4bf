"""The verbs of organizers: propose, approve, change, pause (REQUIREMENTS L1; two people)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.organizations.models import Onboarding, Organization

PROCESSING_ROLES = ("independent", "joint", "principal")
PAGE = 50


class OrganizationUnknown(Exception):
    """There is no such organizer."""


class NameTaken(Exception):
    """Another organizer has this name."""


class SamePerson(Exception):
    """Who proposed an organizer cannot approve it, under whatever account."""


class NotWaiting(Exception):
    """The organizer was approved before, or cannot be changed in this state."""


@dataclass(frozen=True)
class Listed:
    """An organizer in a list, with what it waits for."""

    organization: Organization
    onboarding: Onboarding | None

    @property
    def waits(self) -> bool:
        """Whether a second person has yet to approve it."""
        return self.onboarding is not None and self.onboarding.approved_at is None


def propose(
    session: Session, actor: Actor, *, name: str, contact: str, processing_role: str
) -> Organization:
    """Record a new organizer that is not active before a second person approves it.

    Raises `NameTaken`.
    """
    if actor.id is None or processing_role not in PROCESSING_ROLES:
        raise ValueError(processing_role)
    moment = clock.now()
    row = Organization(
        name=name,
        contact=contact,
        processing_role=processing_role,
        active=False,
        created_at=moment,
    )
    try:
        with transaction(session):
            session.add(row)
            session.flush()
            session.add(
                Onboarding(organization_id=row.id, proposed_by=actor.id, proposed_at=moment)
            )
            record(session, actor, "organizations.propose", "organization", row.id)
    except IntegrityError as error:
        session.rollback()
        raise NameTaken from error
    return row


def approve(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    *,
    browser: Sequence[str] = (),
) -> Organization:
    """Let an organizer in; raises `OrganizationUnknown`, `NotWaiting`, `SamePerson`.

    *browser* are the device tokens of the approver's browser: one that signed in as the proposer
    is refused (C-50).
    """
    with transaction(session):
        row = _locked(session, organization_id)
        onboarding = session.get(Onboarding, row.id, with_for_update=True, populate_existing=True)
        if onboarding is None or onboarding.approved_at is not None:
            raise NotWaiting
        if accounts.same_human(session, actor.id, onboarding.proposed_by, browser=browser):
            raise SamePerson
        onboarding.approved_by, onboarding.approved_at = actor.id, clock.now()
        row.active = True
        record(session, actor, "organizations.approve", "organization", row.id)
        return row


def change(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    *,
    name: str,
    contact: str,
    processing_role: str,
) -> Organization:
    """Change what people agreed to; a real change asks for their consent again (L-03).

    Raises `OrganizationUnknown`, `NameTaken`.
    """
    if processing_role not in PROCESSING_ROLES:
        raise ValueError(processing_role)
    wanted = {"name": name, "contact": contact, "processing_role": processing_role}
    try:
        with transaction(session):
            row = _locked(session, organization_id)
            changed = sorted(key for key, value in wanted.items() if getattr(row, key) != value)
            if changed:
                for key in changed:
                    setattr(row, key, wanted[key])
                row.version += 1
                session.flush()
                record(
                    session,
                    actor,
                    "organizations.change",
                    "organization",
                    row.id,
                    changed=changed,
                    version=row.version,
                )
            return row
    except IntegrityError as error:
        session.rollback()
        raise NameTaken from error


def set_active(
    session: Session, actor: Actor, organization_id: uuid.UUID, active: bool
) -> Organization:
    """Pause an organizer, or take it up again; raises `NotWaiting` before its approval."""
    with transaction(session):
        row = _locked(session, organization_id)
        onboarding = session.get(Onboarding, row.id)
        if onboarding is not None and onboarding.approved_at is None:
            raise NotWaiting
        if row.active != active:
            row.active = active
            verb = "organizations.resume" if active else "organizations.pause"
            record(session, actor, verb, "organization", row.id)
        return row


def get(session: Session, organization_id: uuid.UUID) -> Listed:
    """Return one organizer with its onboarding; raises `OrganizationUnknown`."""
    row = session.get(Organization, organization_id)
    if row is None:
        raise OrganizationUnknown
    return Listed(row, session.get(Onboarding, organization_id))


def listed(
    session: Session,
    *,
    state: str = "",
    name: str = "",
    after: uuid.UUID | None = None,
    limit: int = PAGE,
) -> list[Listed]:
    """Return organizers, the newest first; *state* is waiting, active, paused or empty."""
    query = select(Organization, Onboarding).outerjoin(
        Onboarding, Onboarding.organization_id == Organization.id
    )
    waits = Onboarding.organization_id.is_not(None) & Onboarding.approved_at.is_(None)
    if state == "waiting":
        query = query.where(waits)
    elif state == "active":
        query = query.where(Organization.active.is_(True))
    elif state == "paused":
        query = query.where(Organization.active.is_(False), ~waits)
    if name:
        query = query.where(Organization.name.icontains(name, autoescape=True))
    if after is not None:
        query = query.where(Organization.id < after)
    rows = session.execute(query.order_by(Organization.id.desc()).limit(limit)).all()
    return [Listed(row[0], row[1]) for row in rows]


def waiting_count(session: Session) -> int:
    """Return how many organizers wait for a second person."""
    return (
        session.scalar(
            select(func.count()).select_from(Onboarding).where(Onboarding.approved_at.is_(None))
        )
        or 0
    )


def active_choices(session: Session) -> list[tuple[uuid.UUID, str]]:
    """Return the active organizers as (id, name), by name (500 at most)."""
    rows = session.execute(
        select(Organization.id, Organization.name)
        .where(Organization.active.is_(True))
        .order_by(Organization.name)
        .limit(500)
    )
    return [(row[0], row[1]) for row in rows]


def _locked(session: Session, organization_id: uuid.UUID) -> Organization:
    row = session.get(Organization, organization_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise OrganizationUnknown
    return row
