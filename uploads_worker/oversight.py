"""Alerts on staff each minute; each hour a longer look back, and reminders (I5, I7)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from heyan import clock
from heyan.access import Role
from heyan.approvals.grants import tell
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications import outbox
from heyan.notifications.service import notify
from heyan.oversight import alerts
from heyan.oversight.models import Finding, Training
from uploads_worker import audit_chain
from uploads_worker.context import Context
from uploads_worker.marks import mark_of, untold

# Entries of a slow transaction are seen late; the hourly look makes up for a worker that was away.
LATELY = timedelta(minutes=5)
LONG_AGO = timedelta(days=2)
# Days before the end of a course or exam at which its holder is reminded; 0 is the end itself.
MARKS = (0, 7, 30)
AGAIN = timedelta(days=7)
BATCH = 200


def watch_staff(context: Context) -> int:
    """Raise what the last minutes crossed; return how many alerts were new."""
    with context.sessions() as session:
        return alerts.watch(session, WORKER, back=LATELY)


def tend_oversight(context: Context) -> None:
    """Look further back for alerts, and remind of findings and training."""
    with context.sessions() as session:
        alerts.watch(session, WORKER, back=LONG_AGO)
    _findings(context)
    while _training(context) == BATCH:
        pass


def anchor_outside(context: Context) -> Path | None:
    """Anchor the audit's head in a file, and mail a new one to ``AUDIT_ANCHOR_EMAIL`` (C-65).

    Whoever has the mails can later show that the head was another one (`audit verify` takes the
    files; the seal in it is the root's). It holds a place, a digest and a time, nothing else.
    """
    known = set(context.settings.anchors.glob("anchor-*.json"))
    target = audit_chain.anchor(context)
    address = context.settings.anchor_email
    if target is None or target in known or not address or "email" not in context.settings.channels:
        return target
    with context.sessions() as session, transaction(session):
        outbox.send(
            session, context.settings, kind="audit_anchor", email=address,
            title=target.name, text=target.read_text("utf-8"),
        )  # fmt: skip
        record(session, WORKER, "audit.mail_anchor", "audit_chain", target.stem)
    return target


def _findings(context: Context) -> None:
    moment = clock.now()
    with context.sessions() as session, transaction(session):
        late = session.scalars(
            select(Finding)
            .where(
                Finding.closed_at.is_(None),
                Finding.due_at <= moment,
                or_(Finding.told_at.is_(None), Finding.told_at < moment - AGAIN),
            )
            .order_by(Finding.id)
            .limit(BATCH)
        ).all()
        for row in late:
            row.told_at = moment
            notify(session, row.owner_id, "finding_overdue", finding_id=row.id)
            tell(
                session, Role.PRIVACY_OFFICER, "finding_overdue",
                apart=row.owner_id, finding_id=row.id,
            )  # fmt: skip
            record(session, WORKER, "oversight.remind_finding", "finding", row.id)


def _training(context: Context) -> int:
    """Remind some of those whose course or exam ends; return how many."""
    moment = clock.now()
    later = aliased(Training)
    with context.sessions() as session, transaction(session):
        ending = session.scalars(
            select(Training)
            .where(
                untold(Training.valid_until, Training.reminded_days, MARKS, moment),
                ~select(later.id)
                .where(
                    later.account_id == Training.account_id,
                    later.kind == Training.kind,
                    later.valid_until > Training.valid_until,
                )
                .exists(),
            )
            .order_by(Training.id)
            .limit(BATCH)
        ).all()
        for row in ending:
            mark = mark_of(row.valid_until, MARKS, moment)
            row.reminded_days = mark
            notify(session, row.account_id, "training_ending" if mark else "training_over")
            record(
                session, WORKER, "oversight.remind_training", "account", row.account_id,
                kind=row.kind.value, days=mark,
            )  # fmt: skip
        return len(ending)
