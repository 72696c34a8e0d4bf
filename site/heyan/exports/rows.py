"""Which rows an export holds: counted by the web before it is asked for, read by the worker.

Left out, whatever was asked: numbers that asked not to be called (S-019), what an order keeps
(S-055), and people who closed their account or were shut out of it (S-063).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from heyan.accounts.models import Account, AccountStatus
from heyan.contacts.models import Contact
from heyan.contacts.service import in_period
from heyan.events.models import Event
from heyan.exports.models import Export, ExportKind
from heyan.leads.models import DoNotContact, Lead
from heyan.leads.queue import View, selected
from heyan.retention import holds

LEAD_COLUMNS: tuple[Any, ...] = (
    Lead.name,
    Lead.phone,
    Event.title,
    Lead.call_time,
    Lead.due_at,
    Lead.status,
    Lead.outcome,
)
# No words of an entry: whoever needs those opens it on its page.
CONTACT_COLUMNS: tuple[Any, ...] = (
    Contact.at,
    Contact.name,
    Contact.phone,
    Contact.channel,
    Contact.direction,
    Contact.kind,
    Contact.state,
    Contact.outcome,
)


@dataclass(frozen=True)
class Scope:
    """What an export is of, for whom, as things stood at *asked_at*."""

    kind: ExportKind
    requester_id: uuid.UUID
    asked_at: datetime
    view: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, row: Export) -> Scope:
        """Return the scope that was asked for."""
        return cls(row.kind, row.requester_id, row.asked_at, row.view, row.since, row.until)


def _reachable(account_id: Any) -> ColumnElement[bool]:
    known = select(Account.id).where(
        Account.id == account_id, Account.status == AccountStatus.ACTIVE
    )
    return or_(account_id.is_(None), known.exists())


def _callable(phone_index: Any) -> ColumnElement[bool]:
    kept_out = select(DoNotContact.phone_index).where(DoNotContact.phone_index == phone_index)
    return ~kept_out.exists()


def query(scope: Scope) -> Select[Any]:
    """Return the query of the rows, in the order in which the list shows them."""
    if scope.kind is ExportKind.LEADS:
        return (
            selected(View(scope.view), scope.requester_id, scope.asked_at)
            .outerjoin(Event, Event.id == Lead.event_id)
            .where(
                Lead.created_at <= scope.asked_at,
                _callable(Lead.phone_index),
                _reachable(Lead.account_id),
                holds.not_held("lead", Lead.id),
            )
            .with_only_columns(*LEAD_COLUMNS)
            .order_by(Lead.due_at, Lead.id)
        )
    return (
        select(*CONTACT_COLUMNS)
        .where(
            in_period(),
            Contact.at >= scope.since,
            Contact.at < scope.until,
            Contact.created_at <= scope.asked_at,
            _callable(Contact.phone_index),
            _reachable(Contact.account_id),
            holds.not_held("contact", Contact.id),
        )
        .order_by(Contact.at, Contact.id)
    )


def count(session: Session, scope: Scope) -> int:
    """Return how many rows there would be now."""
    rows = query(scope).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(rows)) or 0
