"""The verbs of an organizer's key: propose, prove, confirm, approve, reject, revoke.

What happens here is only what people agreed to. The worker trusts the pin in its own keyring,
written by a command on its host (DESIGN 2 rule 4).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.organizations.models import Organization
from heyan.releases import proving
from heyan.releases.models import Recipient, RecipientStatus, Release
from heyan.releases.proving import ProofWrong, RecipientInvalid
from heyan.releases.states import RECIPIENT, ForbiddenTransition, move_recipient

PURPOSES = ("primary", "recovery")
# What waits for staff: to be confirmed, approved, pinned.
WAITING = (RecipientStatus.PROVEN, RecipientStatus.CONFIRMED, RecipientStatus.APPROVED)
# Why a key ends that others may hold.
LEAKED = "leaked"
WAYS = ("phone", "in_person", "letter")


class RecipientTaken(Exception):
    """This recipient was proposed before; a key is never used twice."""


class RecipientUnknown(Exception):
    """No such recipient, or not this organization's."""


class SamePerson(Exception):
    """Two people are needed: the one who confirmed, and another who approves."""


def propose(
    session: Session, actor: Actor, organization_id: uuid.UUID, recipient: str, purpose: str
) -> Recipient:
    """Record a new public recipient and make the challenge that proves it can be opened.

    Raises `RecipientInvalid`, `RecipientTaken`.
    """
    if purpose not in PURPOSES or actor.id is None:
        raise RecipientInvalid
    recipient = proving.read_recipient(recipient)
    row = Recipient(
        organization_id=organization_id,
        recipient=recipient,
        purpose=purpose,
        status=RecipientStatus.PROPOSED,
        proposed_by=actor.id,
        proposed_at=clock.now(),
    )
    _challenge(row)
    try:
        with transaction(session):
            session.add(row)
            session.flush()
            record(session, actor, "recipients.propose", "recipient", row.id, purpose=purpose)
    except IntegrityError as error:
        raise RecipientTaken from error
    return row


def _challenge(row: Recipient) -> None:
    row.challenge, row.challenge_sha256, row.challenge_until = proving.challenge(row.recipient)


def challenge_of(
    session: Session, actor: Actor, organization_id: uuid.UUID, recipient_id: uuid.UUID
) -> Recipient:
    """Return a proposed key with a challenge that is still good, a fresh one if need be.

    Raises `RecipientUnknown`, and `ForbiddenTransition` for a key that has been proven.
    """
    with transaction(session):
        row = _locked(session, recipient_id)
        if row.organization_id != organization_id:
            raise RecipientUnknown
        move_recipient(row.status, RecipientStatus.PROVEN)
        if proving.is_stale(row.challenge_until):
            _challenge(row)
            record(session, actor, "recipients.challenge", "recipient", row.id)
        return row


def of_organization(session: Session, organization_id: uuid.UUID) -> list[Recipient]:
    """Return the organization's keys, the newest first."""
    return list(
        session.scalars(
            select(Recipient)
            .where(Recipient.organization_id == organization_id)
            .order_by(Recipient.proposed_at.desc())
        )
    )


def own(session: Session, organization_id: uuid.UUID, recipient_id: uuid.UUID) -> Recipient:
    """Return one of the organization's keys; raises `RecipientUnknown`."""
    row = session.scalars(
        select(Recipient).where(
            Recipient.id == recipient_id, Recipient.organization_id == organization_id
        )
    ).first()
    if row is None:
        raise RecipientUnknown
    return row


def pinned(session: Session, organization_id: uuid.UUID) -> Recipient | None:
    """Return the organization's pinned primary key, if it has one."""
    return session.scalars(
        select(Recipient).where(
            Recipient.organization_id == organization_id,
            Recipient.purpose == "primary",
            Recipient.status == RecipientStatus.PINNED,
        )
    ).first()


def prove(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    recipient_id: uuid.UUID,
    proof: str,
) -> Recipient:
    """Take the opened challenge (64 hex digits) as proof that this key opens (L4).

    Raises `RecipientUnknown`, `ProofWrong`, `ForbiddenTransition`.
    """
    with transaction(session):
        row = _locked(session, recipient_id)
        if row.organization_id != organization_id:
            raise RecipientUnknown
        proving.check(proof, row.challenge_sha256, row.challenge_until)
        row.status = move_recipient(row.status, RecipientStatus.PROVEN)
        row.proven_at = clock.now()
        row.challenge = row.challenge_sha256 = row.challenge_until = None
        record(session, actor, "recipients.prove", "recipient", row.id)
        return row


def awaiting(session: Session) -> list[Recipient]:
    """Return the keys that wait for staff: to be confirmed, approved or pinned."""
    return list(
        session.scalars(
            select(Recipient)
            .where(Recipient.status.in_(WAITING))
            .order_by(Recipient.proposed_at, Recipient.id)
        )
    )


def queue(
    session: Session,
    *,
    status: RecipientStatus | None = None,
    after: uuid.UUID | None = None,
    limit: int = 50,
) -> list[tuple[Recipient, str]]:
    """Return keys that wait (or of *status*) with their organizers' names, the oldest first."""
    query = select(Recipient, Organization.name).join(
        Organization, Organization.id == Recipient.organization_id
    )
    query = query.where(Recipient.status == status if status else Recipient.status.in_(WAITING))
    if after is not None:
        query = query.where(Recipient.id > after)
    rows = session.execute(query.order_by(Recipient.id).limit(limit)).all()
    return [(row[0], row[1]) for row in rows]


def waiting_counts(session: Session) -> dict[RecipientStatus, int]:
    """Return how many keys wait in each state."""
    rows = session.execute(
        select(Recipient.status, func.count())
        .where(Recipient.status.in_(WAITING))
        .group_by(Recipient.status)
    )
    return {row[0]: row[1] for row in rows}


def any_one(session: Session, recipient_id: uuid.UUID) -> Recipient:
    """Return a key of whichever organizer, for staff; raises `RecipientUnknown`."""
    row = session.get(Recipient, recipient_id)
    if row is None:
        raise RecipientUnknown
    return row


def confirm(
    session: Session,
    actor: Actor,
    recipient_id: uuid.UUID,
    how: str,
    *,
    browser: Sequence[str] = (),
) -> Recipient:
    """Record that a staff member compared the fingerprint out of band (*how*).

    Who proposed the key compares it with nobody, also under a staff account; *browser* as in
    `approve`. Raises `RecipientUnknown`, `SamePerson`, `ForbiddenTransition`.
    """
    if how not in WAYS or actor.id is None:
        raise RecipientInvalid
    with transaction(session):
        row = _locked(session, recipient_id)
        if accounts.same_human(session, actor.id, row.proposed_by, browser=browser):
            raise SamePerson
        row.status = move_recipient(row.status, RecipientStatus.CONFIRMED)
        row.confirmed_by, row.confirmed_at, row.confirmed_how = actor.id, clock.now(), how
        record(session, actor, "recipients.confirm", "recipient", row.id, how=how)
        return row


def approve(
    session: Session, actor: Actor, recipient_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> Recipient:
    """Record the second person's approval; who confirmed or proposed cannot approve.

    *browser* are the device tokens of the approver's browser: one that signed in as the person
    who confirmed is refused, whatever account is used now (C-50). Raises `RecipientUnknown`,
    `SamePerson`, `ForbiddenTransition`.
    """
    with transaction(session):
        row = _locked(session, recipient_id)
        move_recipient(row.status, RecipientStatus.APPROVED)
        for other in (row.proposed_by, row.confirmed_by):
            if accounts.same_human(session, actor.id, other, browser=browser):
                raise SamePerson
        row.status = move_recipient(row.status, RecipientStatus.APPROVED)
        row.approved_by, row.approved_at = actor.id, clock.now()
        record(session, actor, "recipients.approve", "recipient", row.id)
        return row


def reject(session: Session, actor: Actor, recipient_id: uuid.UUID, reason: str) -> Recipient:
    """End a key that is not pinned yet, with the reason shown to the organizer."""
    with transaction(session):
        row = _locked(session, recipient_id)
        row.status = move_recipient(row.status, RecipientStatus.REJECTED)
        row.ended_at, row.ended_reason = clock.now(), reason[:200]
        record(session, actor, "recipients.reject", "recipient", row.id)
        return row


def revoke(
    session: Session,
    actor: Actor,
    organization_id: uuid.UUID,
    recipient_id: uuid.UUID,
    reason: str,
) -> Recipient:
    """End the organization's own key. The worker makes nothing for a revoked key from now on."""
    with transaction(session):
        row = _locked(session, recipient_id)
        if row.organization_id != organization_id:
            raise RecipientUnknown
        to = RecipientStatus.REVOKED
        if to not in RECIPIENT[row.status]:
            to = RecipientStatus.REJECTED
        row.status = move_recipient(row.status, to)
        row.ended_at, row.ended_reason = clock.now(), reason[:200]
        outcome = "alert" if reason == LEAKED else "done"
        record(session, actor, "recipients.revoke", "recipient", row.id, outcome=outcome)
        return row


def for_leaked_key() -> ColumnElement[bool]:
    """Return the condition for a release that a key said to be leaked can open (L4).

    Every key that was pinned when it was made can: the daily one and the recovery one.
    """
    return exists().where(
        Recipient.organization_id == Release.organization_id,
        Recipient.ended_reason == LEAKED,
        Recipient.pinned_at <= Release.offered_at,
        Recipient.ended_at >= Release.created_at,
    )


def is_leaked(session: Session, release_id: uuid.UUID) -> bool:
    """Tell whether others may be able to open this release: it does not leave any more.

    It holds at once; the release itself ends when the worker trusts the key no longer.
    """
    query = select(Release.id).where(Release.id == release_id, for_leaked_key())
    return session.scalars(query).first() is not None


def leaked_releases(session: Session) -> int:
    """Return how many releases still wait here that a leaked key can open."""
    waiting = (Release.offered_at.is_not(None), Release.destroyed_at.is_(None))
    query = select(func.count()).select_from(Release).where(*waiting, for_leaked_key())
    return session.scalar(query) or 0


def _locked(session: Session, recipient_id: uuid.UUID) -> Recipient:
    row = session.get(Recipient, recipient_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise RecipientUnknown
    return row


__all__ = [
    "LEAKED",
    "ForbiddenTransition",
    "ProofWrong",
    "RecipientInvalid",
    "RecipientTaken",
    "RecipientUnknown",
    "SamePerson",
    "approve",
    "awaiting",
    "challenge_of",
    "confirm",
    "for_leaked_key",
    "is_leaked",
    "leaked_releases",
    "of_organization",
    "own",
    "pinned",
    "propose",
    "prove",
    "reject",
    "revoke",
]
