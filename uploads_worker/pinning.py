"""Pins: the age recipients that this host trusts, whatever the database says (DESIGN 2 rule 4)."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from heyan import clock
from heyan.audit.service import OPERATOR, WORKER, Actor, record
from heyan.db import transaction
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.releases.models import Recipient, RecipientStatus
from heyan.releases.states import move_recipient
from uploads_worker.context import Context
from uploads_worker.keyring import Pin


class PinRefused(Exception):
    """The recipient must not be pinned; the message says why."""


class RecipientMismatch(Exception):
    """The database and the keyring name different recipients: nothing is released."""


def candidate(context: Context, organization_id: uuid.UUID, recipient_id: uuid.UUID) -> Recipient:
    """Return the approved recipient that is to be pinned; raises `PinRefused`."""
    with context.sessions() as session:
        row = session.get(Recipient, recipient_id)
        if row is None or row.organization_id != organization_id:
            raise PinRefused("the organization has no such recipient")
        if row.status not in (RecipientStatus.APPROVED, RecipientStatus.PINNED):
            raise PinRefused(f"the recipient is {row.status.value}, not approved")
        return row


def pin(
    context: Context,
    organization_id: uuid.UUID,
    recipient_id: uuid.UUID,
    *,
    fingerprint: str,
    actor: Actor = OPERATOR,
) -> str:
    """Pin an approved recipient in the keyring and mark its row; return its fingerprint.

    *fingerprint* is what the person at this host compared, with or without blanks. One pinned
    before for the same purpose is revoked. Doing it twice changes nothing. Raises `PinRefused`.
    """
    row = candidate(context, organization_id, recipient_id)
    expected = recipient_fingerprint(row.recipient)
    if "".join(fingerprint.split()).lower() != expected.replace(" ", ""):
        raise PinRefused("the fingerprint is another one")
    with context.sessions() as session, transaction(session):
        earlier = session.scalars(
            select(Recipient)
            .where(
                Recipient.organization_id == organization_id,
                Recipient.purpose == row.purpose,
                Recipient.status == RecipientStatus.PINNED,
                Recipient.id != recipient_id,
            )
            .with_for_update()
        )
        for one in earlier:
            one.status = move_recipient(one.status, RecipientStatus.REVOKED)
            one.ended_at, one.ended_reason = clock.now(), "replaced"
        session.flush()
        locked = session.get(Recipient, recipient_id, with_for_update=True)
        if locked is None or locked.recipient != row.recipient:
            raise PinRefused("the recipient was changed meanwhile")
        if locked.status is not RecipientStatus.PINNED:
            locked.status = move_recipient(locked.status, RecipientStatus.PINNED)
            locked.pinned_at = clock.now()
            record(
                session,
                actor,
                "recipients.pin",
                "recipient",
                recipient_id,
                organization_id=organization_id,
                purpose=row.purpose,
            )
        # Last, so that the keyring never holds a pin that the database refused.
        context.keyring.pin(organization_id, row.recipient, row.purpose, recipient_id=recipient_id)
    return expected


def unpin(
    context: Context, organization_id: uuid.UUID, recipient: str, *, actor: Actor = OPERATOR
) -> bool:
    """Take a pin out of the keyring and revoke its row; tell whether there was one."""
    there = context.keyring.unpin(organization_id, recipient)
    with context.sessions() as session, transaction(session):
        row = session.scalars(
            select(Recipient)
            .where(
                Recipient.organization_id == organization_id,
                Recipient.recipient == recipient.strip(),
            )
            .with_for_update()
        ).first()
        if row is not None and row.status is RecipientStatus.PINNED:
            row.status = move_recipient(row.status, RecipientStatus.REVOKED)
            row.ended_at, row.ended_reason = clock.now(), "unpinned"
        if there:
            subject = row.id if row is not None else None
            record(
                session,
                actor,
                "recipients.unpin",
                "recipient",
                subject,
                organization_id=organization_id,
            )
    return there


def check_pin(context: Context, organization_id: uuid.UUID) -> tuple[Pin, ...]:
    """Return the organization's pins, the primary first, when database and keyring agree.

    When they do not, that is written to the audit trail, and `RecipientMismatch` is raised; the
    same when there is no primary pin (C-78, SECURITY 13).
    """
    pins = context.keyring.recipients(organization_id)
    with context.sessions() as session, transaction(session):
        rows = session.execute(
            select(Recipient.recipient, Recipient.purpose).where(
                Recipient.organization_id == organization_id,
                Recipient.status == RecipientStatus.PINNED,
            )
        )
        said = {(str(recipient), str(purpose)) for recipient, purpose in rows}
        trusted = {(pin.recipient, pin.purpose) for pin in pins}
        agreed = said == trusted
        if not agreed:
            record(
                session,
                WORKER,
                "releases.recipient_mismatch",
                "organization",
                organization_id,
                outcome="refused",
                pinned=len(trusted),
                said=len(said),
            )
    if not agreed:
        raise RecipientMismatch(str(organization_id))
    if not pins or pins[0].purpose != "primary":
        raise RecipientMismatch(f"{organization_id} has no primary pin")
    return pins
