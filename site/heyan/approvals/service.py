"""What other features may ask of grants and approvals; the verbs stand beside this file."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from heyan.access import Scenario
from heyan.approvals.grants import NotGranted, granted, missing, require_grant
from heyan.approvals.requests import Confirmed, ask, confirmed, live
from heyan.approvals.wording import why_masked

__all__ = [
    "Confirmed",
    "NotGranted",
    "ask",
    "confirmed",
    "granted",
    "live",
    "masked_because",
    "missing",
    "require_grant",
]


def masked_because(session: Session, account_id: uuid.UUID | None, scenario: Scenario) -> str:
    """Return why contact data stays masked for this person, and whom to ask; "" when granted."""
    lacking = missing(session, account_id, scenario)
    return why_masked(lacking, scenario) if lacking else ""
