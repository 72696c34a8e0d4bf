"""Write and read the steps of a document's custody; every feature that moves one comes here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import uuid7
from heyan.documents.models import CustodyEvent, CustodyStep
from heyan.jobs import Job, defer
from heyan.policies.service import version_in_force


def note_steps(
    session: Session, document_ids: Iterable[uuid.UUID], step: CustodyStep, **details: Any
) -> None:
    """Append *step* to the custody of each document, in the caller's transaction.

    Also defers the signing of the receipts. *details* hold ids, digests and counts only.
    """
    moment, version = clock.now(), version_in_force(session).version
    rows = [
        {
            "id": uuid7(),
            "document_id": document_id,
            "step": step,
            "at": moment,
            "policy_version": version,
            "details": details,
        }
        for document_id in document_ids
    ]
    if rows:
        session.execute(insert(CustodyEvent), rows)
        defer(session, Job.SIGN_RECEIPTS, lock="receipts")


def note_step(session: Session, document_id: uuid.UUID, step: CustodyStep, **details: Any) -> None:
    """Append *step* to one document's custody (`note_steps`)."""
    note_steps(session, [document_id], step, **details)


def steps_of(session: Session, document_id: uuid.UUID) -> list[CustodyEvent]:
    """Return a document's custody, the earliest step first."""
    return list(
        session.scalars(
            select(CustodyEvent)
            .where(CustodyEvent.document_id == document_id)
            .order_by(CustodyEvent.at, CustodyEvent.id)
        )
    )
