"""Let audit entries go when their three years are over, and leave a trail that still verifies."""

from __future__ import annotations

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from heyan.audit.models import AuditEntry, AuditLink, AuditSeal
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from uploads_worker.audit_chain import expired_before
from uploads_worker.context import Context

# About how many entries go in one transaction.
BATCH = 20_000


def expire(context: Context) -> int:
    """Delete entries up to the newest seal that is older than the registry keeps them.

    That seal stays: the rest of the chain begins behind it, and `audit verify` takes no other
    beginning. The newest entry always stays. Returns how many went.
    """
    gone = 0
    while True:
        with context.sessions() as session, transaction(session):
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended('audit-chain', 0))")
            )
            found = _expire_batch(session)
            if not found:
                return gone
            gone += found


def _expire_batch(session: Session) -> int:
    first = session.scalar(select(func.min(AuditLink.seq)))
    last = session.scalar(select(func.max(AuditLink.seq)))
    if first is None or last is None:
        return 0
    old = select(AuditSeal.seq).where(
        AuditSeal.at <= expired_before(session), AuditSeal.seq >= first, AuditSeal.seq < last
    )
    until = session.scalar(
        old.where(AuditSeal.seq < first + BATCH).order_by(AuditSeal.seq.desc()).limit(1)
    ) or session.scalar(old.order_by(AuditSeal.seq).limit(1))
    if until is None:
        return 0
    links = delete(AuditLink).where(AuditLink.seq <= until).returning(AuditLink.entry_id)
    ids = session.scalars(links.execution_options(synchronize_session=False)).all()
    session.execute(
        delete(AuditEntry)
        .where(AuditEntry.id.in_(ids))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(AuditSeal).where(AuditSeal.seq < until).execution_options(synchronize_session=False)
    )
    record(session, WORKER, "audit.expire", "audit_chain", count=len(ids), until=until)
    return len(ids)
