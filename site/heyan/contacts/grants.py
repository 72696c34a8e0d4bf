"""Whether somebody may read contact data without a reason each time: a standing grant."""

from __future__ import annotations

import uuid
from importlib import import_module

from sqlalchemy.orm import Session

from heyan import access


def standing(session: Session, account_id: uuid.UUID | None) -> bool:
    """Tell whether *account_id* holds a live L2 grant for the contact log's scenario.

    Read when asked: approvals know this feature's scenario, so this feature cannot know them from
    the start. Without them nothing is granted.
    """
    try:
        approvals = import_module("heyan.approvals.service")
        scenario = access.Scenario.CONTACTS  # type: ignore[attr-defined, unused-ignore]
    except (ModuleNotFoundError, AttributeError):
        return False
    return account_id is not None and bool(approvals.granted(session, account_id, scenario))
