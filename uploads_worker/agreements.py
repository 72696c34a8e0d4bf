"""Agreements at the worker: who is told before one ends and after, and when its text goes."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session, load_only

from heyan import clock
from heyan.access import Role
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.agreements.models import Agreement, AgreementDocument, AgreementStatus
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.policies import promises
from uploads_worker.context import Context
from uploads_worker.keeping.rules import rule
from uploads_worker.marks import mark_of, untold

# Days before the end at which staff hear of it; 0 asks for the confirmation of deletion (L-12).
MARKS = (0, 14, 60)
TOLD = (Role.OPERATIONS, Role.PRIVACY_OFFICER)


def tend_agreements(context: Context) -> None:
    """Tell staff, once a mark, of agreements that end."""
    moment = clock.now()
    with context.sessions() as session, transaction(session):
        ending = session.scalars(
            select(Agreement)
            .options(load_only(Agreement.valid_until, Agreement.reminded_days, Agreement.status))
            .where(
                Agreement.approved_at.is_not(None),
                Agreement.deletion_confirmed_at.is_(None),
                or_(
                    (Agreement.status == AgreementStatus.ENDED)
                    & (Agreement.reminded_days.is_(None) | (Agreement.reminded_days > 0)),
                    untold(Agreement.valid_until, Agreement.reminded_days, MARKS, moment),
                ),
            )
            .order_by(Agreement.id)
            .limit(200)
            .with_for_update(skip_locked=True, of=Agreement)
        ).all()
        people = _told(session) if ending else []
        for row in ending:
            over = row.status is AgreementStatus.ENDED
            mark = 0 if over else mark_of(row.valid_until, MARKS, moment)
            row.reminded_days = mark
            kind = "agreement_ending" if mark else "agreement_over"
            for account_id in people:
                notify(session, account_id, kind, agreement_id=row.id, days=mark)
            record(session, WORKER, "agreements.remind", "agreement", row.id, days=mark)


def _told(session: Session) -> list[uuid.UUID]:
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role.in_(TOLD), Account.status == AccountStatus.ACTIVE)
            .distinct()
        )
    )


def _over(session: Session, moment: datetime) -> ColumnElement[bool]:
    """Find texts that are past the period promised when they were uploaded."""
    row = AgreementDocument
    over = [
        promises.past(session, "agreement.document", row.uploaded_at, counted, moment)
        for counted in (Agreement.ended_at, Agreement.valid_until)
    ]
    return exists(
        select(Agreement.id).where(Agreement.id == row.agreement_id, or_(*over)).correlate(row)
    )


def _due(session: Session, moment: datetime) -> int:
    found = select(func.count()).select_from(AgreementDocument).where(_over(session, moment))
    return session.scalar(found) or 0


def forget(context: Context) -> int:
    """Delete the texts of agreements that ended longer ago than the registry keeps them."""
    with context.sessions() as session, transaction(session):
        gone = session.scalars(
            delete(AgreementDocument)
            .where(_over(session, clock.now()))
            .returning(AgreementDocument.agreement_id)
        ).all()
        for agreement_id in gone:
            record(session, WORKER, "agreements.forget", "agreement", agreement_id)
    return len(gone)


RULES = (
    rule(
        "agreement_documents",
        "agreement.document",
        "agreement_documents",
        _due,
    ),
)
