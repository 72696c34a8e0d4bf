"""The clock of requests: remind, escalate, prove deletions, forget what is three years old."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import structlog
from sqlalchemy import String, cast, delete, exists, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import GRANTS, Permission, Realm
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.documents.models import Document, Tombstone
from heyan.notifications.service import notify
from heyan.policies import promises
from heyan.registrations.models import Registration
from heyan.retention import holds
from heyan.rights.models import RightsKind, RightsParty, RightsRequest
from heyan.students.models import Student
from uploads_worker.context import Context

log = structlog.get_logger("worker")

BEFORE = timedelta(days=3)
# A recipient that did not confirm is reminded once a week; deletion is proven within 72 hours.
PARTY_AFTER = timedelta(days=7)
PROVEN_WITHIN = timedelta(hours=72)
BATCH = 200
READ = (
    RightsRequest.id,
    RightsRequest.kind,
    RightsRequest.account_id,
    RightsRequest.student_id,
    RightsRequest.closed_at,
    RightsRequest.escalated_at,
)


def tend(context: Context) -> None:
    """Do what the clock says now: reminders, escalations, recipients, proofs of deletion."""
    for deed in (_remind, _escalate, _parties, _prove):
        with context.sessions() as session, transaction(session):
            deed(session, clock.now())


def _holders(session: Session, permission: Permission) -> list[uuid.UUID]:
    roles = [role for role, held in GRANTS.items() if permission in held]
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role.in_(roles), Account.status == AccountStatus.ACTIVE)
            .distinct()
        )
    )


def _remind(session: Session, now: datetime) -> None:
    """Remind of what nobody acknowledged in time, and of what is due in three days, once each."""
    reminded, last_days = RightsRequest.reminded_at, RightsRequest.due_at - BEFORE
    due = session.scalars(
        select(RightsRequest.id)
        .where(
            RightsRequest.closed_at.is_(None),
            ((last_days <= now) & (reminded.is_(None) | (reminded < last_days)))
            | (
                RightsRequest.acknowledged_at.is_(None)
                & (RightsRequest.acknowledge_by <= now)
                & reminded.is_(None)
            ),
        )
        .limit(BATCH)
    ).all()
    people = _holders(session, Permission.RIGHTS_WORK) if due else []
    for request_id in due:
        for account_id in people:
            notify(session, account_id, "rights_due", rights_request_id=request_id)
        _set(session, request_id, reminded_at=now)
        record(session, WORKER, "rights.remind", "rights_request", request_id)


def _escalate(session: Session, now: datetime) -> None:
    late = session.scalars(
        select(RightsRequest.id)
        .where(
            RightsRequest.closed_at.is_(None),
            RightsRequest.escalated_at.is_(None),
            RightsRequest.due_at < now,
        )
        .limit(BATCH)
    ).all()
    people = _holders(session, Permission.RIGHTS_CONFIRM) if late else []
    for request_id in late:
        for account_id in people:
            notify(session, account_id, "rights_overdue", rights_request_id=request_id)
        _set(session, request_id, escalated_at=now)
        record(session, WORKER, "rights.escalate", "rights_request", request_id)


def _parties(session: Session, now: datetime) -> None:
    """Tell organizers again that somebody's withdrawal waits for their confirmation."""
    silent = session.execute(
        select(RightsParty, Registration.number)
        .join(Registration, Registration.id == RightsParty.registration_id)
        .where(
            RightsParty.confirmed_at.is_(None),
            RightsParty.told_at <= now - PARTY_AFTER,
            RightsParty.reminded_at.is_(None) | (RightsParty.reminded_at <= now - PARTY_AFTER),
        )
        .limit(BATCH)
    ).all()
    for party, number in silent:
        members = session.scalars(
            select(Account.id).where(
                Account.organization_id == party.organization_id,
                Account.realm == Realm.ORGANIZER,
                Account.status == AccountStatus.ACTIVE,
            )
        ).all()
        kind = (
            "registration_corrected"
            if party.news.value == "corrected"
            else "registration_withdrawn"
        )
        for account_id in members:
            notify(
                session, account_id, kind,
                registration_id=party.registration_id, number=number or "",
            )  # fmt: skip
        party.reminded_at = now
        record(session, WORKER, "rights.remind_party", "rights_party", party.id)


def _prove(session: Session, now: datetime) -> None:
    """See that nothing is left of what was deleted; say so loudly where something is (S-054)."""
    rows = session.execute(
        select(*READ)
        .where(
            RightsRequest.kind.in_((RightsKind.CLOSE, RightsKind.DELETE)),
            RightsRequest.closed_at.is_not(None),
            RightsRequest.verified_at.is_(None),
            cast(RightsRequest.state, String) == "done",
        )
        .limit(BATCH)
    ).all()
    for row in rows:
        if row.account_id is None:
            continue
        if _empty(session, row.account_id, row.student_id):
            _set(session, row.id, verified_at=now)
            record(session, WORKER, "rights.verify", "rights_request", row.id)
        elif holds.held(session, "account", row.account_id):
            continue
        elif now - row.closed_at > PROVEN_WITHIN and row.escalated_at is None:
            log.error("rights.deletion_late", rights_request_id=str(row.id))
            for account_id in _holders(session, Permission.RIGHTS_CONFIRM):
                notify(session, account_id, "rights_overdue", rights_request_id=row.id)
            _set(session, row.id, escalated_at=now)
            record(
                session, WORKER, "rights.deletion_late", "rights_request", row.id,
                outcome="failed",
            )  # fmt: skip


def _empty(session: Session, account_id: uuid.UUID, student_id: uuid.UUID | None) -> bool:
    own = select(Registration.id).where(Registration.account_id == account_id)
    if student_id is not None:
        own = own.where(Registration.student_id == student_id)
    stored = session.scalar(
        select(exists().where(Document.registration_id.in_(own), Document.destroyed_at.is_(None)))
    )
    if stored:
        return False
    if student_id is not None:
        unbound = session.scalar(select(Student.unbound_at).where(Student.id == student_id))
        return unbound is not None
    return bool(
        session.scalar(
            select(
                exists().where(
                    Tombstone.subject_kind == "account", Tombstone.subject_id == str(account_id)
                )
            )
        )
    )


def _set(session: Session, request_id: uuid.UUID, **values: datetime) -> None:
    session.execute(
        update(RightsRequest)
        .where(RightsRequest.id == request_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def expire(context: Context) -> int:
    """Delete requests, answers and what recipients were told, three years after the end."""
    with context.sessions() as session, transaction(session):
        over = promises.past(
            session,
            "rights.request",
            RightsRequest.received_at,
            RightsRequest.closed_at,
            clock.now(),
        )
        limit = promises.cutoff(session, "rights.request", clock.now())
        gone = session.execute(
            delete(RightsRequest).where(over),
            execution_options={"synchronize_session": False},
        )
        told = session.execute(
            delete(RightsParty).where(
                RightsParty.confirmed_at.is_not(None), RightsParty.told_at <= limit
            ),
            execution_options={"synchronize_session": False},
        )
        count = int(gone.rowcount) + int(told.rowcount)  # type: ignore[attr-defined]
        if count:
            record(session, WORKER, "rights.expire", "rights", count=count)
    return count
