"""Whether somebody may read contact data here: a standing grant (Q3, S-091)."""

from __future__ import annotations

import uuid
from importlib import import_module
from typing import Any

from sqlalchemy.orm import Session

from heyan.access import Scenario


def _approvals() -> Any:
    # Read when asked: approvals know this feature's tables, so this one cannot know them first.
    return import_module("heyan.approvals.service")


def standing(session: Session, account_id: uuid.UUID | None) -> bool:
    """Tell whether *account_id* holds a live L2 grant for the contact log's scenario."""
    return bool(_approvals().granted(session, account_id, Scenario.CONTACTS))


def require(session: Session, account_id: uuid.UUID | None) -> None:
    """Raise `heyan.approvals.service.NotGranted`, which says what is missing, without a grant."""
    _approvals().require_grant(session, account_id, Scenario.CONTACTS)
