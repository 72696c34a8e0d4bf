"""Record courses and exams, publish rules of the house, and accept them (I8, S-080, S-081)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import REALM_OF, Realm
from heyan.accounts import service as accounts
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.approvals.grants import tell
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.oversight import fitness
from heyan.oversight.models import InternalRule, RuleAcknowledgement, Training, TrainingKind

# The longest a course or exam counts (CONTROLS L-22: yearly).
LONGEST = timedelta(days=366)
STAFF = tuple(role for role, realm in REALM_OF.items() if realm is Realm.STAFF)


class TrainingRefused(Exception):
    """Not a colleague's, one's own, or dates that make no sense."""


class RuleUnknown(Exception):
    """There is no such version of a rule."""


@dataclass(frozen=True)
class Standing:
    """What one colleague has and lacks."""

    account_id: uuid.UUID
    name: str
    course_until: datetime | None
    exam_until: datetime | None
    lacking: frozenset[str]


def add(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    kind: TrainingKind,
    *,
    passed_at: datetime,
    valid_until: datetime,
    browser: Sequence[str] = (),
) -> Training:
    """Write down that a colleague took a course or passed an exam; raises `TrainingRefused`."""
    now = clock.now()
    if not passed_at <= now or not passed_at < valid_until <= passed_at + LONGEST:
        raise TrainingRefused
    if account_id not in {one.id for one in colleagues(session)}:
        raise TrainingRefused
    if actor.kind == "staff" and accounts.same_human(
        session, actor.id, account_id, browser=browser
    ):
        raise TrainingRefused
    with transaction(session):
        row = Training(
            account_id=account_id,
            kind=kind,
            passed_at=passed_at,
            valid_until=valid_until,
            recorded_by=actor.id,
            recorded_at=now,
        )
        session.add(row)
        session.flush()
        record(
            session, actor, "oversight.record_training", "account", account_id,
            kind=kind.value, until=valid_until.isoformat(),
        )  # fmt: skip
        return row


def publish(
    session: Session, actor: Actor, *, title: str, words: str, due_at: datetime
) -> InternalRule:
    """Publish the next version of a rule; every colleague is asked to read and accept it."""
    with transaction(session):
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('house-rules', 0))"))
        last = session.scalar(
            select(func.max(InternalRule.version)).where(InternalRule.title == title)
        )
        row = InternalRule(
            title=title,
            version=(last or 0) + 1,
            text=words,
            published_by=actor.id,
            published_at=clock.now(),
            due_at=due_at,
        )
        session.add(row)
        session.flush()
        record(
            session, actor, "oversight.publish_rule", "internal_rule", row.id, version=row.version
        )
        for role in STAFF:
            tell(session, role, "rule_published", rule_id=row.id)
        return row


def acknowledge(session: Session, actor: Actor, rule_id: uuid.UUID) -> None:
    """Accept a version of a rule, once; raises `RuleUnknown`."""
    if session.get(InternalRule, rule_id) is None:
        raise RuleUnknown
    with transaction(session):
        done = session.execute(
            insert(RuleAcknowledgement)
            .values(rule_id=rule_id, account_id=actor.id, at=clock.now())
            .on_conflict_do_nothing()
            .returning(RuleAcknowledgement.rule_id)
        ).first()
        if done is not None:
            record(session, actor, "oversight.accept_rule", "internal_rule", rule_id)


def colleagues(session: Session) -> list[Account]:
    """Return who works here now."""
    return list(
        session.scalars(
            select(Account)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role.in_(STAFF), Account.status == AccountStatus.ACTIVE)
            .distinct()
            .order_by(Account.id)
        )
    )


def standings(session: Session) -> list[Standing]:
    """Return what each colleague has and lacks."""
    people = colleagues(session)
    ids = [one.id for one in people]
    until, lacking = fitness.valid_until(session, ids), fitness.lacking_of(session, ids)
    return [
        Standing(
            one.id,
            one.name or "",
            until.get((one.id, TrainingKind.COURSE)),
            until.get((one.id, TrainingKind.EXAM)),
            lacking[one.id],
        )
        for one in people
    ]


def overdue(session: Session) -> int:
    """Return how many colleagues lack something, so that L3 is off for them."""
    found = fitness.lacking_of(session, [one.id for one in colleagues(session)])
    return sum(map(bool, found.values()))


__all__ = [
    "LONGEST", "RuleUnknown", "Standing", "TrainingRefused", "acknowledge", "add",
    "colleagues", "overdue", "publish", "standings",
]  # fmt: skip
