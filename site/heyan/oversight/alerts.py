"""Find what rules call unusual, tell the privacy officer, look at it and close it (I5, S-089)."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, cast, distinct, extract, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from heyan import clock
from heyan.access import Role
from heyan.accounts import service as accounts
from heyan.approvals.grants import roles_of, tell
from heyan.approvals.models import AccessRequest, AccessRequestSubject
from heyan.audit.models import AuditEntry
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.documents.models import CustodyEvent, CustodyStep
from heyan.oversight.models import StaffAlert
from heyan.oversight.rules import BY_KEY, RULES, UNLAWFUL, AlertRule

NIGHT_BEGINS, NIGHT_ENDS = 22, 6
# What a person does with their own account is not work.
_NOT_WORK = ("accounts.%", "channels.%", "access.%")
# A document leaves its seal once for each of these.
_OPENED = (CustodyStep.PREPARED, CustodyStep.COPIED)
PAGE = 50


class AlertUnknown(Exception):
    """There is no such alert."""


class AlertClosed(Exception):
    """Somebody closed it already."""


class OwnAlert(Exception):
    """It is about this very human, who never closes it."""


def watch(session: Session, actor: Actor, *, back: timedelta) -> int:
    """Raise what entries of the last *back* crossed; return how many alerts were new."""
    with transaction(session):
        return sum(
            _raise_for(session, actor, rule, back) for rule in RULES if rule.actor_kind == "staff"
        )


def _entries(rule: AlertRule, since: datetime) -> Select[uuid.UUID | None, datetime]:
    query = select(AuditEntry.actor_id, AuditEntry.at).where(
        AuditEntry.at > since,
        AuditEntry.actor_kind == rule.actor_kind,
        AuditEntry.actor_id.is_not(None),
        AuditEntry.outcome == rule.outcome,
    )
    if rule.actions:
        query = query.where(AuditEntry.action.in_(rule.actions))
    if rule.mark:
        query = query.where(AuditEntry.details[rule.mark].astext == "true")
    if rule.night:
        hour = extract("hour", func.timezone("Asia/Shanghai", AuditEntry.at))
        query = query.where(
            or_(hour >= NIGHT_BEGINS, hour < NIGHT_ENDS),
            *(AuditEntry.action.not_like(own) for own in _NOT_WORK),
        )
    return query.order_by(AuditEntry.actor_id, AuditEntry.at, AuditEntry.id)


def _raise_for(session: Session, actor: Actor, rule: AlertRule, back: timedelta) -> int:
    """Raise one rule's alerts; one worker at a time, so that none is raised twice."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('staff-alerts', 0))"))
    now = clock.now()
    rows = session.execute(_entries(rule, now - back - rule.window))
    raised = 0
    for account_id, group in itertools.groupby(rows, key=lambda row: row.actor_id):
        times = [row.at for row in group]
        for crossed_at, found in crossings(times, rule.most, rule.window):
            raised += _raise(session, actor, rule, account_id, crossed_at, found)
    return raised


def crossings(
    times: Sequence[datetime], most: int, window: timedelta
) -> list[tuple[datetime, int]]:
    """Return when more than *most* of *times* (ascending) lay in a *window*, once a window."""
    found: list[tuple[datetime, int]] = []
    first = 0
    for place, at in enumerate(times):
        while times[first] <= at - window:
            first += 1
        count = place - first + 1
        if count > most and (not found or at - found[-1][0] >= window):
            found.append((at, count))
    return found


def _raise(
    session: Session,
    actor: Actor,
    rule: AlertRule,
    account_id: uuid.UUID | None,
    crossed_at: datetime,
    found: int,
) -> bool:
    near = select(StaffAlert.id).where(
        StaffAlert.rule == rule.key,
        StaffAlert.account_id == account_id
        if account_id is not None
        else StaffAlert.account_id.is_(None),
        StaffAlert.crossed_at > crossed_at - rule.window,
        StaffAlert.crossed_at < crossed_at + rule.window,
    )
    if session.scalars(near.limit(1)).first() is not None:
        return False
    alert = StaffAlert(
        rule=rule.key,
        account_id=account_id,
        crossed_at=crossed_at,
        found=found,
        raised_at=clock.now(),
    )
    session.add(alert)
    session.flush()
    record(
        session, actor, "oversight.alert", "staff_alert", alert.id,
        rule=rule.key, account_id=account_id, found=found,
    )  # fmt: skip
    tell(session, Role.PRIVACY_OFFICER, "staff_alert", apart=account_id, alert_id=alert.id)
    if account_id is not None and Role.PRIVACY_OFFICER in roles_of(session, account_id):
        tell(session, Role.ADMINISTRATOR, "staff_alert", apart=account_id, alert_id=alert.id)
    return True


def watch_openings(session: Session, actor: Actor) -> bool:
    """Count what the worker opened without a reason in the last hour; raise when too much.

    Asked by the web, outside the worker, from rows that the worker must write to hand anything
    over.
    """
    rule = BY_KEY["openings"]
    now = clock.now()
    found = unasked_openings(session, now - rule.window)
    if found <= rule.most:
        return False
    with transaction(session):
        session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('staff-alerts', 0))"))
        return _raise(session, actor, rule, None, now, found)


def unasked_openings(session: Session, since: datetime) -> int:
    """Return by how many the openings from *since* on exceed those that had a reason.

    A document leaves its seal once for its batch, whenever that is made, and once for each
    approved request that names it.
    """
    recent = (CustodyEvent.step.in_(_OPENED), CustodyEvent.at > since)
    opened = session.scalar(select(func.count()).where(*recent)) or 0
    before = aliased(CustodyEvent)
    first = select(func.count(distinct(CustodyEvent.document_id))).where(
        CustodyEvent.step == CustodyStep.PREPARED,
        CustodyEvent.at > since,
        ~select(before.id)
        .where(
            before.document_id == CustodyEvent.document_id,
            before.step == CustodyStep.PREPARED,
            before.at <= since,
        )
        .exists(),
    )
    approved = (
        select(func.count())
        .select_from(AccessRequestSubject)
        .join(AccessRequest, AccessRequest.id == AccessRequestSubject.request_id)
        .where(
            AccessRequest.subject_kind == "document",
            AccessRequest.approved_at.is_not(None),
            AccessRequest.ends_at > since,
        )
    )
    return max(0, opened - (session.scalar(first) or 0) - (session.scalar(approved) or 0))


def raise_unlawful(session: Session, actor: Actor, request_id: uuid.UUID) -> None:
    """Put a request that says we broke the law before the privacy officer, for four hours (S-051).

    In the caller's transaction; one alert a request. Closing it says whether it was an incident.
    """
    alert = StaffAlert(
        rule=UNLAWFUL.key, subject_id=request_id, crossed_at=clock.now(), found=1,
        raised_at=clock.now(),
    )  # fmt: skip
    session.add(alert)
    session.flush()
    record(
        session, actor, "oversight.alert", "staff_alert", alert.id,
        rule=UNLAWFUL.key, rights_request_id=request_id,
    )  # fmt: skip


def overdue(row: StaffAlert) -> bool:
    """Tell whether an open alert waits longer than its rule allows."""
    return row.closed_at is None and row.raised_at < clock.now() - BY_KEY[row.rule].look_within


def close(
    session: Session,
    actor: Actor,
    alert_id: uuid.UUID,
    *,
    reason: str,
    browser: Sequence[str] = (),
) -> StaffAlert:
    """Close an alert with what was found out.

    Raises `AlertUnknown`, `AlertClosed`, and `OwnAlert` for who may be the one it is about.
    """
    with transaction(session):
        row = session.get(StaffAlert, alert_id, with_for_update=True, populate_existing=True)
        if row is None:
            raise AlertUnknown
        if row.closed_at is not None:
            raise AlertClosed
        if row.account_id is not None and accounts.same_human(
            session, actor.id, row.account_id, browser=browser
        ):
            raise OwnAlert
        row.closed_at, row.closed_by, row.reason = clock.now(), actor.id, reason
        record(session, actor, "oversight.close_alert", "staff_alert", row.id, rule=row.rule)
        return row


# --- reading -----------------------------------------------------------------------------------


def listed(
    session: Session,
    *,
    view: str = "open",
    after: uuid.UUID | None = None,
    limit: int = PAGE,
) -> list[StaffAlert]:
    """Return alerts, the newest first: open ones or all."""
    query = select(StaffAlert)
    if view == "open":
        query = query.where(StaffAlert.closed_at.is_(None))
    if after is not None:
        query = query.where(StaffAlert.id < after)
    return list(session.scalars(query.order_by(StaffAlert.id.desc()).limit(limit)))


def get(session: Session, alert_id: uuid.UUID) -> tuple[StaffAlert, Any]:
    """Return an alert and how many acts of each kind it was about; raises `AlertUnknown`."""
    row = session.get(StaffAlert, alert_id)
    if row is None:
        raise AlertUnknown
    rule = BY_KEY[row.rule]
    if row.subject_id is not None:
        return row, []
    acts = session.execute(
        select(AuditEntry.action, func.count())
        .where(
            # The worker has no account, and neither have visitors.
            AuditEntry.actor_kind == rule.actor_kind,
            AuditEntry.actor_id == row.account_id,
            AuditEntry.at > row.crossed_at - rule.window,
            AuditEntry.at <= row.crossed_at,
        )
        .group_by(AuditEntry.action)
        .order_by(func.count().desc(), cast(AuditEntry.action, String))
    ).all()
    return row, [(action, count) for action, count in acts]


def waiting(session: Session, account_id: uuid.UUID) -> tuple[int, int]:
    """Return how many alerts this person has to look at, and how many of them are overdue."""
    late = or_(
        *(
            (StaffAlert.rule == rule.key) & (StaffAlert.raised_at < clock.now() - rule.look_within)
            for rule in RULES
        )
    )
    found = session.execute(
        select(func.count(), func.count().filter(late)).where(
            StaffAlert.closed_at.is_(None), StaffAlert.account_id.is_distinct_from(account_id)
        )
    ).one()
    return found[0], found[1]


__all__ = [
    "PAGE", "AlertClosed", "AlertUnknown", "OwnAlert",
    "close", "crossings", "get", "listed", "overdue", "raise_unlawful", "unasked_openings",
    "waiting", "watch", "watch_openings",
]  # fmt: skip
