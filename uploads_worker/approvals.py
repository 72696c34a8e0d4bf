"""Approvals at the worker: who is told before a grant ends, who keeps others waiting; what goes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import load_only

from heyan import clock
from heyan.access import Role
from heyan.approvals.grants import live_condition, tell
from heyan.approvals.models import (
    AccessDecision,
    AccessRequest,
    AccessRequestSubject,
    RequestStatus,
    StandingGrant,
)
from heyan.approvals.requests import APPROVERS
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.policies import promises
from uploads_worker.context import Context
from uploads_worker.keeping.rules import outlived, rule
from uploads_worker.marks import mark_of, untold

# Days before a grant's end at which administrators and privacy officers hear of it.
MARKS = (3, 14)
# Approvers are reminded once of a request that waits longer.
WAITS = timedelta(hours=4)
BATCH = 200


def tend_approvals(context: Context) -> None:
    """Leave each reminder once: grants that end soon, requests that nobody answered."""
    moment = clock.now()
    with context.sessions() as session, transaction(session):
        ending = session.scalars(
            select(StandingGrant)
            .where(
                live_condition(moment),
                # Also of a short grant, which is within two weeks of its end from the start.
                untold(StandingGrant.ends_at, StandingGrant.reminded_days, MARKS, moment),
            )
            .order_by(StandingGrant.id)
            .limit(BATCH)
        ).all()
        for row in ending:
            mark = mark_of(row.ends_at or moment, MARKS, moment)
            row.reminded_days = mark
            for role in (Role.ADMINISTRATOR, Role.PRIVACY_OFFICER):
                tell(session, role, "grant_ending", grant_id=row.id, days=mark)
            record(session, WORKER, "grants.remind", "grant", row.id, days=mark)
        waiting = session.scalars(
            select(AccessRequest)
            .options(load_only(AccessRequest.id, AccessRequest.level, AccessRequest.requester_id))
            .where(
                AccessRequest.status == RequestStatus.WAITING,
                AccessRequest.asked_at <= moment - WAITS,
                AccessRequest.reminded_at.is_(None),
            )
            .order_by(AccessRequest.id)
            .limit(BATCH)
        ).all()
        for request in waiting:
            session.execute(
                update(AccessRequest)
                .where(AccessRequest.id == request.id)
                .values(reminded_at=moment)
                .execution_options(synchronize_session=False)
            )
            for role in sorted(APPROVERS[request.level], key=lambda one: one.value):
                tell(
                    session, role, "request_waiting",
                    apart=request.requester_id, request_id=request.id,
                )  # fmt: skip
            record(session, WORKER, "approvals.remind", "request", request.id)


def expire(context: Context) -> int:
    """Delete requests with what was said to them, as long after as other proof is kept."""
    with context.sessions() as session, transaction(session):
        old = AccessRequest.asked_at <= promises.cutoff(session, "audit", clock.now())
        ids = session.scalars(select(AccessRequest.id).where(old).limit(BATCH)).all()
        for table in (AccessDecision, AccessRequestSubject):
            session.execute(delete(table).where(table.request_id.in_(ids)))
        session.execute(delete(AccessRequest).where(AccessRequest.id.in_(ids)))
        return len(ids)


RULES = (
    rule(
        "approvals",
        "audit",
        "access_requests access_decisions",
        outlived(AccessRequest, "audit", AccessRequest.asked_at),
    ),
)
