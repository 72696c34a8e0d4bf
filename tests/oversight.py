"""Builders of training, rules and entries, and how an alert is looked for."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.models import AuditEntry
from heyan.audit.service import OPERATOR
from heyan.oversight import training
from heyan.oversight.models import TrainingKind
from tests.enrolment import World


def train(session: Session, account_id: uuid.UUID, *, days: int = 300) -> None:
    """Let somebody have taken the course and passed the exam; only colleagues are trained."""
    passed = clock.now() - timedelta(days=1)
    for kind in TrainingKind:
        training.add(
            session, OPERATOR, account_id, kind,
            passed_at=passed, valid_until=passed + timedelta(days=days),
        )  # fmt: skip


def entries(
    world: World, account_id: uuid.UUID, action: str, count: int, *, outcome: str = "done"
) -> None:
    """Put *count* entries of a colleague's into the trail, as of now."""
    with world.session() as session:
        session.add_all(
            AuditEntry(
                at=clock.now(),
                actor_kind="staff",
                actor_id=account_id,
                action=action,
                subject_kind="lead",
                outcome=outcome,
                details={},
            )
            for _ in range(count)
        )
        session.commit()
