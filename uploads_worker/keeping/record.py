"""What each sweep did, and what it left past its last day: said, never hidden (S-075)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import delete
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.policies import promises
from heyan.retention.models import AuthorityQuery, LegalHold, SweepRun
from uploads_worker.context import Context
from uploads_worker.keeping import rules

log = structlog.get_logger("worker")

RUNS = timedelta(days=1095)


def begin(context: Context) -> uuid.UUID:
    """Note that a sweep began: one that never ends is seen, too."""
    with context.sessions() as session, transaction(session):
        row = SweepRun(began_at=clock.now())
        session.add(row)
        session.flush()
        return row.id


def end(
    context: Context, run_id: uuid.UUID, done: Mapping[str, int], failed: Sequence[str]
) -> dict[str, int]:
    """Note what a sweep did and what is overdue after it; alert when something is."""
    with context.sessions() as session:
        left, uncounted = overdue(session)
    failed = [*failed, *(f"count:{name}" for name in uncounted)]
    with context.sessions() as session, transaction(session):
        row = session.get_one(SweepRun, run_id)
        row.ended_at = clock.now()
        row.done = {name: count for name, count in done.items() if count}
        row.overdue = left
        row.failed = list(failed)
        if left:
            record(
                session, WORKER, "keeping.overdue", "worker",
                outcome="failed", rules=sorted(left), count=sum(left.values()),
            )  # fmt: skip
    if left:
        log.error("keeping.overdue", **left)
    return left


def overdue(session: Session) -> tuple[dict[str, int], list[str]]:
    """Return how much each rule finds past its last day, and rules that could not be counted."""
    left, uncounted = {}, []
    for one in rules.all_rules():
        try:
            with session.begin_nested():
                count = one.due(session, clock.now())
        except Exception as error:  # noqa: BLE001 - the others are counted all the same
            log.warning("keeping.uncounted", rule=one.name, error=type(error).__name__)
            uncounted.append(one.name)
        else:
            if count:
                left[one.name] = count
    return left, uncounted


def forget_runs(context: Context) -> int:
    """Delete records of sweeps after three years."""
    return _gone(context, delete(SweepRun).where(SweepRun.began_at <= clock.now() - RUNS))


def forget_orders(context: Context) -> int:
    """Delete orders of authorities three years after they ended."""
    now = clock.now()
    with context.sessions() as session:
        over = promises.past(session, "legal.order", LegalHold.asked_at, LegalHold.ends_at, now)
        limit = promises.cutoff(session, "legal.order", now)
    return _gone(context, delete(LegalHold).where(over)) + _gone(
        context, delete(AuthorityQuery).where(AuthorityQuery.asked_at <= limit)
    )


def _gone(context: Context, statement: object) -> int:
    with context.sessions() as session, transaction(session):
        done = session.execute(
            statement,  # type: ignore[call-overload] # any DELETE
            execution_options={"synchronize_session": False},
        )
        return int(done.rowcount)
