"""Raise flags for what accounts do, and for whoever else finds something (C6, S-020)."""

from __future__ import annotations

import itertools
import uuid
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import SignIn, SignInOutcome
from heyan.audit.service import WORKER, record
from heyan.db import transaction, uuid7
from heyan.notifications.service import notify
from heyan.policies import promises
from heyan.safety.models import FlagKind, FlagState, SafetyFlag, SafetySource, SafetySubject
from heyan.safety.watch import network_of
from uploads_worker.context import Context


def raise_flag(
    session: Session,
    kind: FlagKind,
    *,
    event_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
    source_index: bytes | None = None,
    until: datetime | None = None,
) -> uuid.UUID:
    """Raise a flag, on record, and return its id; *until* bounds how long it is kept."""
    moment = clock.now()
    last = moment + promises.kept(session, "safety.flag", moment)
    flag = SafetyFlag(
        id=uuid7(),
        kind=kind,
        state=FlagState.OPEN,
        event_id=event_id,
        account_id=account_id,
        source_index=source_index,
        raised_at=moment,
        delete_after=min(last, until or last),
    )
    session.add(flag)
    session.flush()
    record(session, WORKER, "safety.flag", "flag", flag.id, kind=kind.value, event_id=event_id)
    return flag.id


def add_subjects(
    session: Session, flag_id: uuid.UUID, subjects: list[dict[str, uuid.UUID]]
) -> None:
    """Add whom a flag is about; who is in it already stays once."""
    for one in subjects:
        session.execute(
            insert(SafetySubject)
            .values(id=uuid7(), flag_id=flag_id, **one)
            .on_conflict_do_nothing()
        )


def check_account(context: Context, account_id: uuid.UUID) -> None:
    """Look at where an account was opened, and at its latest sign-ins."""
    with context.sessions() as session, transaction(session):
        _many_accounts(context, session, account_id)
    with context.sessions() as session, transaction(session):
        _two_networks(context, session, account_id)


def _many_accounts(context: Context, session: Session, account_id: uuid.UUID) -> None:
    own = session.get(SafetySource, account_id)
    if own is None:
        return
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"source:{bytes(own.source_index).hex()}"},
    )
    since = clock.now() - timedelta(hours=context.settings.safety_source_hours)
    earlier = session.execute(
        select(SafetyFlag.id, SafetyFlag.state, SafetyFlag.decided_at)
        .where(SafetyFlag.source_index == own.source_index)
        .order_by(SafetyFlag.id.desc())
        .limit(1)
    ).first()
    # What somebody decided about is not counted again.
    if earlier is not None and earlier.decided_at is not None:
        since = max(since, earlier.decided_at)
    accounts = session.scalars(
        select(SafetySource.account_id)
        .where(SafetySource.source_index == own.source_index, SafetySource.at >= since)
        .order_by(SafetySource.account_id)
    ).all()
    flag_id = earlier.id if earlier is not None and earlier.decided_at is None else None
    if flag_id is None:
        if len(accounts) < context.settings.safety_accounts_per_source:
            return
        flag_id = raise_flag(session, FlagKind.MANY_ACCOUNTS, source_index=own.source_index)
    add_subjects(session, flag_id, [{"account_id": one} for one in accounts])


def _two_networks(context: Context, session: Session, account_id: uuid.UUID) -> None:
    within = timedelta(minutes=context.settings.safety_network_minutes)
    rows = session.execute(
        select(SignIn.at, SignIn.source, SignIn.new_device)
        .where(
            SignIn.account_id == account_id,
            SignIn.outcome == SignInOutcome.SUCCEEDED,
            SignIn.at > clock.now() - within - timedelta(hours=1),
        )
        .order_by(SignIn.at, SignIn.id)
    ).all()
    if not any(
        later.new_device
        and later.at - before.at <= within
        and network_of(before.source) != network_of(later.source)
        for before, later in itertools.pairwise(rows)
    ):
        return
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"networks:{account_id}"},
    )
    known = session.scalar(
        select(SafetyFlag.id)
        .where(
            SafetyFlag.kind == FlagKind.TWO_NETWORKS,
            SafetyFlag.account_id == account_id,
            or_(SafetyFlag.state == FlagState.OPEN, SafetyFlag.raised_at >= rows[0].at),
        )
        .limit(1)
    )
    if known is None:
        flag_id = raise_flag(session, FlagKind.TWO_NETWORKS, account_id=account_id)
        add_subjects(session, flag_id, [{"account_id": account_id}])
        notify(session, account_id, "account_two_networks")
