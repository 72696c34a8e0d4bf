"""Findings of audits: whose to mend, until when, and how each ended (I7, S-094)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.accounts.models import Account
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.oversight.models import Finding
from heyan.oversight.training import colleagues


class FindingUnknown(Exception):
    """There is no such finding."""


class FindingRefused(Exception):
    """The owner is no colleague, the day has passed, or it is closed already."""


def add(
    session: Session,
    actor: Actor,
    *,
    title: str,
    description: str,
    owner_id: uuid.UUID,
    due_at: datetime,
) -> Finding:
    """Enter a finding and tell its owner; raises `FindingRefused`."""
    if owner_id not in {one.id for one in colleagues(session)} or due_at <= clock.now():
        raise FindingRefused
    with transaction(session):
        row = Finding(
            title=title,
            description=description,
            owner_id=owner_id,
            due_at=due_at,
            raised_by=actor.id,
            raised_at=clock.now(),
        )
        session.add(row)
        session.flush()
        record(session, actor, "oversight.add_finding", "finding", row.id, owner_id=owner_id)
        notify(session, owner_id, "finding_yours", finding_id=row.id)
        return row


def close(
    session: Session,
    actor: Actor,
    finding_id: uuid.UUID,
    *,
    result: str,
    browser: Sequence[str] = (),
) -> Finding:
    """Close a finding with what was done; its owner cannot, under whichever account.

    *browser* are the device tokens of who closes it (C-50). Raises `FindingUnknown`,
    `FindingRefused`.
    """
    with transaction(session):
        row = session.get(Finding, finding_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise FindingUnknown
        if row.closed_at is not None or accounts.same_human(
            session, actor.id, row.owner_id, browser=browser
        ):
            raise FindingRefused
        row.closed_at, row.closed_by, row.result = clock.now(), actor.id, result
        record(session, actor, "oversight.close_finding", "finding", row.id)
        return row


def get(session: Session, finding_id: uuid.UUID) -> Finding:
    """Return a finding; raises `FindingUnknown`."""
    row = session.get(Finding, finding_id)
    if row is None:
        raise FindingUnknown
    return row


def owners(session: Session, rows: Sequence[Finding]) -> dict[uuid.UUID, str]:
    """Return the names of the colleagues who are to mend *rows*, by id."""
    wanted = {row.owner_id for row in rows}
    found = session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted)))
    return {account_id: name or "" for account_id, name in found}


def listed(session: Session, *, after: uuid.UUID | None = None, limit: int = 50) -> list[Finding]:
    """Return findings, the newest first."""
    query = select(Finding).order_by(Finding.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Finding.id < after)
    return list(session.scalars(query))


def waiting(session: Session) -> tuple[int, int]:
    """Return how many findings are open, and how many of them overdue."""
    late = Finding.due_at <= clock.now()
    found = session.execute(
        select(func.count(), func.count().filter(late)).where(Finding.closed_at.is_(None))
    ).one()
    return found[0], found[1]
