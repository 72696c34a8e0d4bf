"""Whether a record that somebody looks at bears their own name (CONTROLS 5, "own name")."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.accounts.models import Account
from heyan.accounts.twofold import folded_name


def own_name(session: Session, account_id: uuid.UUID | None, *names: str | None) -> dict[str, Any]:
    """Return the mark for the audit entry when one of *names* is the looker's; the name stays here.

    For ``record(…, **own_name(…))``: nothing is added where the names differ.
    """
    mine = folded_name(session.scalar(select(Account.name).where(Account.id == account_id)))
    same = bool(mine) and any(folded_name(name) == mine for name in names)
    return {"own_name": True} if same else {}
