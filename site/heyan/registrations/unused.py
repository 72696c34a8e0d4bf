"""Accounts that nobody used for two years: closed by the site a month after the notice (PIPL 47).

The worker gives the notice and empties what was closed; closing is done here, because only the
site can read, and seal into the legal archive, what a law keeps of an account (G6).
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.accounts.sessions import end_all
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.events.models import Event, EventStatus
from heyan.notifications.models import Notice
from heyan.registrations.models import Registration
from heyan.retention import archiving, holds

# The registry: an account that nobody used for 24 months, 30 days after the notice.
UNUSED = timedelta(days=730)
WARNED = timedelta(days=30)
NOTICE = "account_unused"
BATCH = 100


def used_at() -> ColumnElement[datetime]:
    """Return when an account was last used."""
    return func.coalesce(Account.last_seen_at, Account.created_at)


def idle(moment: datetime, how_long: timedelta) -> ColumnElement[bool]:
    """Return the condition: of the public, not used for *how_long*, in no event that still runs."""
    running = exists(
        select(Registration.id)
        .join(Event, Event.id == Registration.event_id)
        .where(Registration.account_id == Account.id, Event.status != EventStatus.ENDED)
    )
    return (
        (Account.realm == Realm.PUBLIC)
        & (Account.status != AccountStatus.CLOSED)
        & (used_at() <= moment - how_long)
        & ~running
        & holds.not_held("account", Account.id)
    )


def over(moment: datetime) -> ColumnElement[bool]:
    """Return the condition: idle for 24 months, and the notice of it is a month old."""
    told = exists(
        select(Notice.id).where(
            Notice.account_id == Account.id,
            Notice.kind == NOTICE,
            Notice.at > used_at(),
            Notice.at <= moment - WARNED,
        )
    )
    return idle(moment, UNUSED) & told


def close_unused(session: Session, actor: Actor) -> int:
    """Close some of the accounts whose month is over, as their owners would; return how many.

    What a law keeps of each is sealed first, in the same transaction.
    """
    with transaction(session):
        found = session.scalars(
            select(Account.id)
            .where(over(clock.now()))
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Account)
        ).all()
        for account_id in found:
            shut(session, actor, account_id, reason="unused")
    return len(found)


def shut(session: Session, actor: Actor, account_id: uuid.UUID, **why: Any) -> None:
    """Seal what a law keeps of an account and let nobody in any more; the worker empties it.

    In the caller's transaction; the caller holds the account's row.
    """
    archiving.seal(session, account_id)
    session.get_one(Account, account_id).status = AccountStatus.CLOSED
    end_all(session, account_id)
    record(session, actor, "accounts.close", "account", account_id, **why)
