"""Leads of one person: found by number, merged, and bound to the account that the person got."""

from __future__ import annotations

import uuid

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.leads.models import Lead, LeadOutcome, LeadStatus
from heyan.leads.queue import LeadLine, LeadUnknown, Taken, lines_of
from heyan.leads.service import keep_for

SHOWN = 20


class SameLead(Exception):
    """A lead is no double of itself, nor of one that was merged into it."""


def others(session: Session, lead_id: uuid.UUID) -> list[LeadLine]:
    """Return the other leads of a lead's person, masked: of the same number, or merged with it.

    Raises `LeadUnknown`.
    """
    row = session.get(Lead, lead_id)
    if row is None:
        raise LeadUnknown
    which = [Lead.phone_index == row.phone_index, Lead.duplicate_of == lead_id]
    if row.duplicate_of is not None:
        which.append(Lead.id == row.duplicate_of)
    rows = session.scalars(
        select(Lead)
        .where(or_(*which), Lead.id != lead_id, Lead.delete_after > clock.now())
        .order_by(Lead.id.desc())
        .limit(SHOWN)
    )
    return lines_of(session, list(rows))


def merge(session: Session, actor: Actor, lead_id: uuid.UUID, into: uuid.UUID) -> None:
    """Close a live lead as the double of another, which goes on with the earlier due time.

    Raises `LeadUnknown`, `SameLead`, and `Taken` when it was closed meanwhile.
    """
    if lead_id == into:
        raise SameLead
    moment = clock.now()
    with transaction(session):
        # Both are held, in one order, so that two merges of the same pair never cross.
        held = {
            row.id: row
            for row in session.scalars(
                select(Lead)
                .where(Lead.id.in_((lead_id, into)))
                .order_by(Lead.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        }
        if len(held) != 2:
            raise LeadUnknown
        double, kept = held[lead_id], held[into]
        if kept.duplicate_of == lead_id:
            raise SameLead
        if double.status is LeadStatus.CLOSED:
            raise Taken
        double.status, double.outcome = LeadStatus.CLOSED, LeadOutcome.DUPLICATE
        double.duplicate_of = into
        double.updated_at = moment
        double.delete_after = moment + keep_for(session, double.created_at)
        kept.times_asked += double.times_asked
        kept.delete_after = max(kept.delete_after, double.delete_after)
        if kept.status is not LeadStatus.CLOSED:
            kept.due_at = min(kept.due_at, double.due_at)
            kept.updated_at = moment
        if double.account_id and not kept.account_id:
            kept.account_id = double.account_id
        record(session, actor, "leads.merged", "lead", lead_id, into=into)


def converted(session: Session, actor: Actor, lead_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Bind a lead and its doubles to the account that was opened for the person (B3).

    A live one is closed with that outcome. Joins the caller's transaction; raises `LeadUnknown`,
    and `Taken` when the lead is bound to another account already. What the person agrees to is
    asked of the person at activation, never taken over from the lead.
    """
    moment = clock.now()
    with transaction(session):
        row = session.get(Lead, lead_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise LeadUnknown
        if row.account_id not in (None, account_id):
            raise Taken
        row.account_id, row.updated_at = account_id, moment
        row.delete_after = moment + keep_for(session, row.created_at)
        if row.status is not LeadStatus.CLOSED:
            row.status, row.outcome = LeadStatus.CLOSED, LeadOutcome.ACCOUNT_OPENED
        session.flush()
        session.execute(
            update(Lead)
            .where(Lead.duplicate_of == lead_id, Lead.account_id.is_(None))
            .values(account_id=account_id)
            .execution_options(synchronize_session=False)
        )
        record(session, actor, "leads.converted", "lead", lead_id, account_id=account_id)
