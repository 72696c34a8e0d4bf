"""Write an audit entry inside the act's own transaction: no entry, no act (SECURITY 47)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.models import AuditEntry


@dataclass(frozen=True)
class Actor:
    """Who acts: ``kind`` is public, student, organizer, staff, worker or operator."""

    kind: str
    id: uuid.UUID | None = None
    source: str | None = None
    request_id: str | None = None


WORKER = Actor("worker")
OPERATOR = Actor("operator")


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: object | None = None,
    *,
    outcome: str = "done",
    reason: str | None = None,
    **details: Any,
) -> None:
    """Add one entry and flush it, so that a failing audit fails the act.

    *action* reads ``feature.verb`` (``leads.assign``); *details* hold ids, counts and states,
    never a person's values.
    """
    session.add(
        AuditEntry(
            at=clock.now(),
            actor_kind=actor.kind,
            actor_id=actor.id,
            action=action,
            subject_kind=subject_kind,
            subject_id=None if subject_id is None else str(subject_id),
            outcome=outcome,
            reason=reason,
            request_id=actor.request_id,
            source=actor.source,
            details={key: _plain(value) for key, value in details.items()},
        )
    )
    session.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
