"""Pins of people on the staff: whose key this host trusts, and which name it draws on pictures.

As with organizers' (`uploads_worker.pinning`), what the database says is not enough: a key that
somebody put there gets nothing (rule 4, C-78). The name comes from the operator too, so that
nobody's pictures can be marked with another's name.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select

from heyan import clock
from heyan.audit.service import OPERATOR, WORKER, Actor, record
from heyan.db import transaction
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.viewings.models import StaffKey, StaffKeyStatus
from heyan.viewings.states import move_key
from uploads_worker.context import Context
from uploads_worker.keyring import Keyring

SECTION = "people"
LONGEST_NAME = 40


class PinRefused(Exception):
    """The key must not be pinned; the message says why."""


class PersonMismatch(Exception):
    """The database and the keyring name different keys: nothing is opened for this person."""


class NoPin(Exception):
    """This person has no pinned key yet, and the database does not claim one."""


@dataclass(frozen=True)
class PersonPin:
    """A person's age recipient and name as somebody pinned them on this host."""

    account_id: str
    recipient: str
    name: str
    key_id: str
    pinned_at: str


def pin_of(keyring: Keyring, account_id: uuid.UUID) -> PersonPin | None:
    """Return the person's pin, if there is one."""
    found = keyring.section(SECTION).get(str(account_id))
    return PersonPin(account_id=str(account_id), **found) if found else None


def all_pins(keyring: Keyring) -> list[PersonPin]:
    """Return every person's pin."""
    content = keyring.section(SECTION)
    return [PersonPin(account_id=one, **content[one]) for one in sorted(content)]


def candidate(context: Context, account_id: uuid.UUID, key_id: uuid.UUID) -> StaffKey:
    """Return the confirmed key that is to be pinned; raises `PinRefused`."""
    with context.sessions() as session:
        row = session.get(StaffKey, key_id)
        if row is None or row.account_id != account_id:
            raise PinRefused("this person has no such key")
        if row.status not in (StaffKeyStatus.CONFIRMED, StaffKeyStatus.PINNED):
            raise PinRefused(f"the key is {row.status.value}, not confirmed")
        return row


def pin(
    context: Context,
    account_id: uuid.UUID,
    key_id: uuid.UUID,
    *,
    name: str,
    fingerprint: str,
    actor: Actor = OPERATOR,
) -> str:
    """Pin a confirmed key in the keyring and mark its row; return its fingerprint.

    *fingerprint* is what the person read out at this host, with or without blanks. One pinned
    before is revoked. Doing it twice changes nothing. Raises `PinRefused`.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise PinRefused(f"a name has 1 to {LONGEST_NAME} characters")
    row = candidate(context, account_id, key_id)
    expected = recipient_fingerprint(row.recipient)
    if "".join(fingerprint.split()).lower() != expected.replace(" ", ""):
        raise PinRefused("the fingerprint is another one")
    with context.sessions() as session, transaction(session):
        earlier = session.scalars(
            select(StaffKey)
            .where(
                StaffKey.account_id == account_id,
                StaffKey.status == StaffKeyStatus.PINNED,
                StaffKey.id != key_id,
            )
            .with_for_update()
        )
        for one in earlier:
            one.status = move_key(one.status, StaffKeyStatus.REVOKED)
            one.ended_at, one.ended_reason = clock.now(), "replaced"
        session.flush()
        locked = session.get(StaffKey, key_id, with_for_update=True)
        if locked is None or locked.recipient != row.recipient:
            raise PinRefused("the key was changed meanwhile")
        if locked.status is not StaffKeyStatus.PINNED:
            locked.status = move_key(locked.status, StaffKeyStatus.PINNED)
            locked.pinned_at = clock.now()
            record(session, actor, "staff_keys.pin", "staff_key", key_id, account_id=account_id)
        # Last, so that the keyring never holds a pin that the database refused.
        with context.keyring.edit_section(SECTION) as people:
            people[str(account_id)] = {
                "recipient": row.recipient,
                "name": name,
                "key_id": str(key_id),
                "pinned_at": clock.now().isoformat(timespec="seconds"),
            }
    return expected


def unpin(context: Context, account_id: uuid.UUID, *, actor: Actor = OPERATOR) -> bool:
    """Take a person's pin out of the keyring and revoke its row; tell whether there was one."""
    with context.keyring.edit_section(SECTION) as people:
        there = people.pop(str(account_id), None)
    with context.sessions() as session, transaction(session):
        rows = session.scalars(
            select(StaffKey)
            .where(StaffKey.account_id == account_id, StaffKey.status == StaffKeyStatus.PINNED)
            .with_for_update()
        )
        for row in rows:
            row.status = move_key(row.status, StaffKeyStatus.REVOKED)
            row.ended_at, row.ended_reason = clock.now(), "unpinned"
        if there:
            record(
                session, actor, "staff_keys.unpin", "staff_key", there["key_id"],
                account_id=account_id,
            )  # fmt: skip
    return there is not None


def check_pin(context: Context, account_id: uuid.UUID) -> PersonPin:
    """Return the person's pin when database and keyring agree.

    When they do not, that is written to the audit trail as an alert and `PersonMismatch` is
    raised; `NoPin` when neither knows one (C-78, SECURITY 13).
    """
    pinned = pin_of(context.keyring, account_id)
    with context.sessions() as session, transaction(session):
        said = session.scalars(
            select(StaffKey.recipient).where(
                StaffKey.account_id == account_id, StaffKey.status == StaffKeyStatus.PINNED
            )
        ).first()
        if said is None and pinned is None:
            raise NoPin(str(account_id))
        agreed = pinned is not None and said == pinned.recipient
        if not agreed:
            record(
                session, WORKER, "viewings.recipient_mismatch", "account", account_id,
                outcome="alert", pinned=pinned is not None, said=said is not None,
            )  # fmt: skip
    if pinned is None or not agreed:
        raise PersonMismatch(str(account_id))
    return pinned
