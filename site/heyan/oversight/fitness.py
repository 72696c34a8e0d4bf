"""Whether a colleague may be shown L3 and L4: trained, examined, rules accepted (S-080, S-081).

Asked by the web and by the worker each time an approval is looked at, so what expires ends access.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.oversight.models import InternalRule, RuleAcknowledgement, Training, TrainingKind


class NotFit(Exception):
    """Training, exam or a rule's acceptance is missing; ``lacking`` names which."""

    def __init__(self, lacking: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(lacking)))
        self.lacking = lacking


def valid_until(session: Session, account_id: uuid.UUID) -> dict[TrainingKind, datetime]:
    """Return until when this person's courses and exams count, the latest of each kind."""
    rows = session.execute(
        select(Training.kind, func.max(Training.valid_until))
        .where(Training.account_id == account_id)
        .group_by(Training.kind)
    )
    return {row[0]: row[1] for row in rows}


def unaccepted(session: Session, account_id: uuid.UUID) -> list[InternalRule]:
    """Return the newest version of each rule that this person has not accepted."""
    newest = (
        select(InternalRule.title, func.max(InternalRule.version).label("version"))
        .group_by(InternalRule.title)
        .subquery()
    )
    accepted = select(RuleAcknowledgement.rule_id).where(
        RuleAcknowledgement.rule_id == InternalRule.id,
        RuleAcknowledgement.account_id == account_id,
    )
    return list(
        session.scalars(
            select(InternalRule)
            .join(
                newest,
                (newest.c.title == InternalRule.title) & (newest.c.version == InternalRule.version),
            )
            .where(~accepted.exists())
            .order_by(InternalRule.due_at, InternalRule.id)
        )
    )


def lacking(session: Session, account_id: uuid.UUID) -> frozenset[str]:
    """Return what keeps this person from L3: course, exam, rule; nothing when they are fit."""
    now = clock.now()
    until = valid_until(session, account_id)
    missing = {kind.value for kind in TrainingKind if kind not in until or until[kind] <= now}
    if any(rule.due_at <= now for rule in unaccepted(session, account_id)):
        missing.add("rule")
    return frozenset(missing)


def require_fit(session: Session, account_id: uuid.UUID) -> None:
    """Raise `NotFit` unless this person may be shown L3 now."""
    if missing := lacking(session, account_id):
        raise NotFit(missing)
