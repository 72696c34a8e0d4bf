"""The verbs of a staff member's own key: propose, prove, confirm, reject, revoke.

What happens here is only what people agreed to. The worker trusts the pin in its own keyring,
written by a command on its host after the fingerprint was compared once more (rule 4).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.accounts.models import Account
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.releases import proving
from heyan.releases.proving import ProofWrong, RecipientInvalid
from heyan.viewings.models import StaffKey, StaffKeyStatus
from heyan.viewings.states import KEY, ForbiddenTransition, move_key

LEAKED = "leaked"
# What waits for another: to be confirmed, to be pinned.
WAITING = (StaffKeyStatus.PROVEN, StaffKeyStatus.CONFIRMED)
PAGE = 50


class KeyTaken(Exception):
    """This public key was proposed before; a key is never used twice."""


class StaffKeyUnknown(Exception):
    """No such key, or not this person's."""


class SamePerson(Exception):
    """Nobody confirms the fingerprint of their own key."""


def propose(session: Session, actor: Actor, recipient: str) -> StaffKey:
    """Record the actor's own new public key with the challenge that proves it can be opened.

    Raises `RecipientInvalid`, `KeyTaken`.
    """
    if actor.id is None:
        raise RecipientInvalid
    row = StaffKey(
        account_id=actor.id,
        recipient=proving.read_recipient(recipient),
        status=StaffKeyStatus.PROPOSED,
        proposed_at=clock.now(),
    )
    _challenge(row)
    try:
        with transaction(session):
            session.add(row)
            session.flush()
            record(session, actor, "staff_keys.propose", "staff_key", row.id)
    except IntegrityError as error:
        raise KeyTaken from error
    return row


def _challenge(row: StaffKey) -> None:
    row.challenge, row.challenge_sha256, row.challenge_until = proving.challenge(row.recipient)


def of_account(session: Session, account_id: uuid.UUID) -> list[StaffKey]:
    """Return a person's keys, the newest first."""
    rows = select(StaffKey).where(StaffKey.account_id == account_id)
    return list(session.scalars(rows.order_by(StaffKey.proposed_at.desc(), StaffKey.id.desc())))


def own(session: Session, account_id: uuid.UUID, key_id: uuid.UUID) -> StaffKey:
    """Return one of the person's own keys; raises `StaffKeyUnknown`."""
    row = session.scalars(
        select(StaffKey).where(StaffKey.id == key_id, StaffKey.account_id == account_id)
    ).first()
    if row is None:
        raise StaffKeyUnknown
    return row


def challenge_of(
    session: Session, actor: Actor, account_id: uuid.UUID, key_id: uuid.UUID
) -> StaffKey:
    """Return a proposed key with a challenge that is still good, a fresh one if need be.

    Raises `StaffKeyUnknown`, and `ForbiddenTransition` for a key that has been proven.
    """
    with transaction(session):
        row = _locked(session, key_id, account_id)
        move_key(row.status, StaffKeyStatus.PROVEN)
        if proving.is_stale(row.challenge_until):
            _challenge(row)
            record(session, actor, "staff_keys.challenge", "staff_key", row.id)
        return row


def prove(
    session: Session, actor: Actor, account_id: uuid.UUID, key_id: uuid.UUID, proof: str
) -> StaffKey:
    """Take the opened challenge (64 hex digits) as proof that this key opens.

    Raises `StaffKeyUnknown`, `ProofWrong`, `ForbiddenTransition`.
    """
    with transaction(session):
        row = _locked(session, key_id, account_id)
        proving.check(proof, row.challenge_sha256, row.challenge_until)
        row.status = move_key(row.status, StaffKeyStatus.PROVEN)
        row.proven_at = clock.now()
        row.challenge = row.challenge_sha256 = row.challenge_until = None
        record(session, actor, "staff_keys.prove", "staff_key", row.id)
        return row


def waiting(
    session: Session, after: uuid.UUID | None = None, limit: int = PAGE + 1
) -> list[tuple[StaffKey, str]]:
    """Return keys that wait for another person, with their owners' names, the oldest first."""
    query = (
        select(StaffKey, Account.name)
        .join(Account, Account.id == StaffKey.account_id)
        .where(StaffKey.status.in_(WAITING))
        .order_by(StaffKey.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(StaffKey.id > after)
    return [(row[0], row[1] or "") for row in session.execute(query)]


def waiting_count(session: Session) -> int:
    """Return how many keys wait for a colleague to compare their fingerprint."""
    rows = select(func.count()).where(StaffKey.status == StaffKeyStatus.PROVEN)
    return session.scalar(rows) or 0


def any_one(session: Session, key_id: uuid.UUID) -> tuple[StaffKey, str]:
    """Return a key of whoever on the staff, with the owner's name; raises `StaffKeyUnknown`."""
    row = session.execute(
        select(StaffKey, Account.name)
        .join(Account, Account.id == StaffKey.account_id)
        .where(StaffKey.id == key_id)
    ).first()
    if row is None:
        raise StaffKeyUnknown
    return row[0], row[1] or ""


def confirm(
    session: Session, actor: Actor, key_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> StaffKey:
    """Record that a colleague compared the fingerprint with the owner, face to face.

    *browser* are the device tokens of the colleague's browser (C-50). Raises `StaffKeyUnknown`,
    `SamePerson`, `ForbiddenTransition`.
    """
    with transaction(session):
        row = _locked(session, key_id)
        if accounts.same_human(session, actor.id, row.account_id, browser=browser):
            raise SamePerson
        row.status = move_key(row.status, StaffKeyStatus.CONFIRMED)
        row.confirmed_by, row.confirmed_at = actor.id, clock.now()
        record(session, actor, "staff_keys.confirm", "staff_key", row.id)
        return row


def reject(session: Session, actor: Actor, key_id: uuid.UUID) -> StaffKey:
    """End a key whose fingerprint was not what its owner read out."""
    with transaction(session):
        row = _locked(session, key_id)
        row.status = move_key(row.status, StaffKeyStatus.REJECTED)
        row.ended_at, row.ended_reason = clock.now(), "rejected"
        record(session, actor, "staff_keys.reject", "staff_key", row.id, outcome="alert")
        return row


def revoke(
    session: Session, actor: Actor, account_id: uuid.UUID, key_id: uuid.UUID, reason: str
) -> StaffKey:
    """End one's own key: what was made for it leaves no more, and nothing new is made."""
    with transaction(session):
        row = _locked(session, key_id, account_id)
        to = StaffKeyStatus.REVOKED
        if to not in KEY[row.status]:
            to = StaffKeyStatus.REJECTED
        row.status = move_key(row.status, to)
        row.ended_at, row.ended_reason = clock.now(), reason[:24]
        outcome = "alert" if reason == LEAKED else "done"
        record(session, actor, "staff_keys.revoke", "staff_key", row.id, outcome=outcome)
        return row


def _locked(session: Session, key_id: uuid.UUID, account_id: uuid.UUID | None = None) -> StaffKey:
    row = session.get(StaffKey, key_id, with_for_update=True, populate_existing=True)
    if row is None or (account_id is not None and row.account_id != account_id):
        raise StaffKeyUnknown
    return row


__all__ = [
    "LEAKED",
    "PAGE",
    "ForbiddenTransition",
    "KeyTaken",
    "ProofWrong",
    "RecipientInvalid",
    "SamePerson",
    "StaffKeyUnknown",
    "any_one",
    "challenge_of",
    "confirm",
    "of_account",
    "own",
    "propose",
    "prove",
    "reject",
    "revoke",
    "waiting",
    "waiting_count",
]
