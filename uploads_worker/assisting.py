"""What of assisted accounts ends by itself: codes after a day, slow changes after a month."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete
from sqlalchemy.orm import Session

from heyan import clock
from heyan.assistance.models import AccountChange, AccountCode
from heyan.db import transaction
from uploads_worker.context import Context
from uploads_worker.keeping.rules import overdue, rule

CODES = timedelta(days=1)
# A change is over after 72 hours at most; what nobody confirmed in a month is nobody's wish.
CHANGES = timedelta(days=30)


def _codes(moment: datetime) -> ColumnElement[bool]:
    return AccountCode.expires_at <= moment - CODES


def _changes(moment: datetime) -> ColumnElement[bool]:
    return AccountChange.asked_at <= moment - CHANGES


def expire(context: Context) -> int:
    """Delete codes and changes that are long over; return how many."""
    moment, gone = clock.now(), 0
    with context.sessions() as session, transaction(session):
        gone += len(
            session.scalars(
                delete(AccountCode).where(_codes(moment)).returning(AccountCode.id)
            ).all()
        )
        gone += len(
            session.scalars(
                delete(AccountChange).where(_changes(moment)).returning(AccountChange.id)
            ).all()
        )
    return gone


def _due(session: Session, moment: datetime) -> int:
    codes = overdue(AccountCode, _codes)(session, moment)
    return codes + overdue(AccountChange, _changes)(session, moment)


RULES = (rule("assistance", "", "account_codes account_changes", _due),)
