"""Whether a colleague may be shown L3 and L4: trained, examined, rules accepted (S-080, S-081).

Asked by the web and by the worker each time an approval is looked at, so what expires ends access.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.oversight.models import InternalRule, RuleAcknowledgement, Training, TrainingKind


class NotFit(Exception):
    """Training, exam or a rule's acceptance is missing; ``lacking`` names which."""

    def __init__(self, lacking: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(lacking)))
        self.lacking = lacking


def valid_until(
    session: Session, account_ids: Collection[uuid.UUID]
) -> dict[tuple[uuid.UUID, TrainingKind], datetime]:
    """Return until when people's courses and exams count, the latest of each kind."""
    rows = session.execute(
        select(Training.account_id, Training.kind, func.max(Training.valid_until))
        .where(Training.account_id.in_(account_ids))
        .group_by(Training.account_id, Training.kind)
    )
    return {(account_id, kind): until for account_id, kind, until in rows}


def _newest() -> Select[InternalRule]:
    newest = (
        select(InternalRule.title, func.max(InternalRule.version).label("version"))
        .group_by(InternalRule.title)
        .subquery()
    )
    return select(InternalRule).join(
        newest,
        (newest.c.title == InternalRule.title) & (newest.c.version == InternalRule.version),
    )


def unaccepted(session: Session, account_id: uuid.UUID) -> list[InternalRule]:
    """Return the newest version of each rule that this person has not accepted."""
    accepted = select(RuleAcknowledgement.rule_id).where(
        RuleAcknowledgement.rule_id == InternalRule.id,
        RuleAcknowledgement.account_id == account_id,
    )
    return list(
        session.scalars(
            _newest().where(~accepted.exists()).order_by(InternalRule.due_at, InternalRule.id)
        )
    )


def lacking(session: Session, account_id: uuid.UUID) -> frozenset[str]:
    """Return what keeps this person from L3: course, exam, rule; nothing when they are fit."""
    return lacking_of(session, (account_id,))[account_id]


def lacking_of(
    session: Session, account_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, frozenset[str]]:
    """Return the same of many people, in three queries for all of them."""
    now = clock.now()
    until = valid_until(session, account_ids)
    due = session.scalars(
        _newest().where(InternalRule.due_at <= now).with_only_columns(InternalRule.id)
    ).all()
    accepted = Counter(
        session.scalars(
            select(RuleAcknowledgement.account_id).where(
                RuleAcknowledgement.rule_id.in_(due),
                RuleAcknowledgement.account_id.in_(account_ids),
            )
        )
    )
    return {
        one: frozenset(kind.value for kind in TrainingKind if until.get((one, kind), now) <= now)
        | ({"rule"} if accepted[one] < len(due) else set())
        for one in account_ids
    }


def require_fit(session: Session, account_id: uuid.UUID) -> None:
    """Raise `NotFit` unless this person may be shown L3 now."""
    if missing := lacking(session, account_id):
        raise NotFit(missing)
