"""Ways to rooms that this feature only borrows: messages to the outside, and leads."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from heyan.audit.service import Actor
from heyan.leads import doubles
from heyan.leads.queue import LeadUnknown, Taken
from heyan.notifications import outbox
from heyan.settings import Settings


class CannotSend(Exception):
    """No message can go out now: no channel is set up, or its budget is spent."""


def text_code(
    session: Session,
    settings: Settings,
    *,
    phone: str,
    kind: str,
    code: str,
    source: str,
    account_id: uuid.UUID | None = None,
) -> None:
    """Send *code* by SMS to *phone*; raises `CannotSend`. The code is kept nowhere in the open."""
    if "sms" not in settings.channels:
        raise CannotSend
    try:
        outbox.send_code(
            session, settings, phone=phone, kind=kind, code=code, source=source,
            account_id=account_id,
        )  # fmt: skip
    except outbox.BudgetSpent as error:
        raise CannotSend from error


def text_account(
    session: Session, settings: Settings, *, kind: str, phone: str, account_id: uuid.UUID
) -> None:
    """Tell the old number of something about its account, as far as a channel is there."""
    if "sms" not in settings.channels:
        return
    outbox.send(session, settings, kind=kind, phone=phone, account_id=account_id)


def lead_became(session: Session, actor: Actor, lead_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Close the lead that led to an account; one that is unknown or taken stays as it is."""
    try:
        doubles.converted(session, actor, lead_id, account_id)
    except (LeadUnknown, Taken):
        return
