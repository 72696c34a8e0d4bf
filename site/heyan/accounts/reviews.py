"""The quarterly look at who may do what (CONTROLS 5, rotation): when it was, when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import AccessReview, Account, AccountStatus
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.settings import Settings


@dataclass(frozen=True)
class Review:
    """A review as listed: when, by whom, over how many accounts."""

    at: datetime
    by: str
    accounts: int


def latest(session: Session, limit: int = 8) -> list[Review]:
    """Return the last reviews, the newest first (two years of them)."""
    rows = session.execute(
        select(AccessReview, Account.name)
        .join(Account, Account.id == AccessReview.reviewed_by)
        .order_by(AccessReview.reviewed_at.desc())
        .limit(limit)
    )
    return [Review(row.reviewed_at, name or "", row.accounts) for row, name in rows]


def due_at(session: Session, settings: Settings) -> datetime | None:
    """Return when the next review is due; None while there has been none, which is now."""
    last = session.scalar(select(func.max(AccessReview.reviewed_at)))
    return None if last is None else last + timedelta(days=settings.access_review_days)


def note_reviewed(session: Session, actor: Actor) -> None:
    """Write down that *actor* looked through everyone who may sign in as staff."""
    if actor.id is None:
        raise ValueError("a person reviews")
    with transaction(session):
        count = session.scalar(
            select(func.count())
            .select_from(Account)
            .where(Account.realm == Realm.STAFF, Account.status == AccountStatus.ACTIVE)
        )
        row = AccessReview(reviewed_by=actor.id, reviewed_at=clock.now(), accounts=count or 0)
        session.add(row)
        session.flush()
        record(session, actor, "accounts.access_review", "access_review", row.id, count=count)
