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
from heyan.oversight.names import own_name
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
        phone = name = None
        if found.account_id is not None:
            account = session.get_one(Account, found.account_id)
            phone, name = account.login or None, account.name
        record(
            session, actor, "rights.reveal", "rights_request", request_id,
            reason=reason, account_id=found.account_id,
            **own_name(session, actor.id, name),
        )  # fmt: skip
        return Seen(found.words, found.wanted, found.reply_to, phone, found.proof)
