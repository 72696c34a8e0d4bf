"""A person's consent ledger with the signed receipt of each line."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.consent.models import ConsentReceipt, ConsentRecord

FORMAT = "heyan-consent-receipts/1"
PAGE = 50


class LineUnknown(Exception):
    """No such line in this account's ledger."""


@dataclass(frozen=True)
class Line:
    """One line; ``envelope`` is None while its receipt is being signed."""

    id: uuid.UUID
    purpose: str
    granted: bool
    at: datetime
    policy_version: str
    envelope: str | None


def lines(
    session: Session,
    account_id: uuid.UUID,
    *,
    after: uuid.UUID | None = None,
    limit: int | None = None,
) -> list[Line]:
    """Return the account's lines, the latest first, behind the line *after*."""
    query = (
        select(
            ConsentRecord.id,
            ConsentRecord.purpose,
            ConsentRecord.granted,
            ConsentRecord.at,
            ConsentRecord.policy_version,
            ConsentReceipt.envelope,
        )
        .outerjoin(ConsentReceipt, ConsentReceipt.consent_id == ConsentRecord.id)
        .where(ConsentRecord.account_id == account_id)
        .order_by(ConsentRecord.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(ConsentRecord.id < after)
    return [Line(*row) for row in session.execute(query)]


def line(session: Session, account_id: uuid.UUID, consent_id: uuid.UUID) -> Line:
    """Return one line of the account; raises `LineUnknown`."""
    row = session.execute(
        select(
            ConsentRecord.id,
            ConsentRecord.purpose,
            ConsentRecord.granted,
            ConsentRecord.at,
            ConsentRecord.policy_version,
            ConsentReceipt.envelope,
        )
        .outerjoin(ConsentReceipt, ConsentReceipt.consent_id == ConsentRecord.id)
        .where(ConsentRecord.account_id == account_id, ConsentRecord.id == consent_id)
    ).first()
    if row is None:
        raise LineUnknown
    return Line(*row)


def download(found: list[Line]) -> dict[str, Any]:
    """Return lines as the file that a person keeps and ``heyan_verify.py`` reads."""
    return {
        "format": FORMAT,
        "receipts": [
            {
                "id": str(one.id),
                "status": "signed" if one.envelope else "being_signed",
                "envelope": json.loads(one.envelope) if one.envelope else None,
            }
            for one in found
        ],
    }
