"""What a colleague may read of a request, each time for a reason that is put on record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from heyan.access import Scenario
from heyan.accounts.models import Account
from heyan.approvals.service import require_grant
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.rights.requests import load


@dataclass(frozen=True)
class Seen:
    """The words of a request, where to answer, and the number to call back."""

    words: str
    wanted: str | None
    reply_to: str | None
    phone: str | None
    proof: str | None


def reveal(session: Session, actor: Actor, request_id: uuid.UUID, reason: str) -> Seen:
    """Return a request's words. Raises `requests.RequestUnknown`, and `NotGranted` (S-091)."""
    with transaction(session):
        require_grant(session, actor.id, Scenario.RIGHTS)
        found = load(session, request_id)
        phone = None
        if found.account_id is not None:
            phone = session.get_one(Account, found.account_id).login or None
        record(
            session, actor, "rights.reveal", "rights_request", request_id,
            reason=reason, account_id=found.account_id,
        )  # fmt: skip
        return Seen(found.words, found.wanted, found.reply_to, phone, found.proof)
