"""Write an audit entry inside the act's own transaction: no entry, no act (SECURITY 47)."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.models import AuditEntry, AuditLink, AuditSeal
from heyan.db import transaction

# The worker chains and signs within a minute; later than this is a fault to look into.
CHAIN_WITHIN = timedelta(minutes=3)
# How the acts end that are looks at a page: of many, or of one (S-092).
LOOKS = (".listed", ".shown")


@dataclass(frozen=True)
class Actor:
    """Who acts: ``kind`` is public, student, organizer, staff, worker or operator."""

    kind: str
    id: uuid.UUID | None = None
    source: str | None = None
    request_id: str | None = None


# With nothing to load back: an entry a page is what staff pages cost (bench/audit_write.py).
_ENTRY = insert(AuditEntry.metadata.tables["audit_entries"]).inline()
WORKER = Actor("worker")
OPERATOR = Actor("operator")


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: object | None = None,
    *,
    outcome: str = "done",
    reason: str | None = None,
    **details: Any,
) -> None:
    """Send one entry in the act's transaction, so that a failing audit fails the act.

    *action* reads ``feature.verb`` (``leads.assign``); *details* hold ids, counts and states,
    never a person's values. Whom else it concerns stands in ``ids``, by which entries are found.
    """
    session.flush()
    add(
        session,
        values(actor, action, subject_kind, subject_id, outcome=outcome, reason=reason, **details),
    )


def values(
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: object | None,
    *,
    outcome: str = "done",
    reason: str | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Return the columns of an entry that is made now."""
    return {
        "at": clock.now(),
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "action": action,
        "subject_kind": subject_kind,
        "subject_id": None if subject_id is None else str(subject_id),
        "outcome": outcome,
        "reason": reason,
        "request_id": actor.request_id,
        "source": actor.source,
        "details": {key: _plain(value) for key, value in details.items()},
    }


def add(session: Session, entry: dict[str, Any]) -> None:
    """Send an entry (`values`) in the session's transaction."""
    session.execute(_ENTRY, entry)


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value


# --- reading -------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChainState:
    """How far the chain reaches: entries not chained yet, the last link, the last seal."""

    unchained: int
    oldest_unchained: datetime | None
    last_seq: int | None
    sealed_seq: int | None
    sealed_at: datetime | None

    @property
    def late(self) -> bool:
        """Whether an entry waits longer than the worker may take (a minute, and some grace)."""
        oldest = self.oldest_unchained
        return oldest is not None and clock.now() - oldest > CHAIN_WITHIN


def chain_state(session: Session) -> ChainState:
    """Return the state of the chain; only `audit verify` at the worker says that it is sound."""
    waiting = session.execute(
        select(func.count(), func.min(AuditEntry.at)).where(
            # A trail of years is not counted through: a late worker shows in the last days too.
            AuditEntry.at > clock.now() - timedelta(days=2),
            ~select(AuditLink.seq).where(AuditLink.entry_id == AuditEntry.id).exists(),
        )
    ).one()
    seal = session.scalars(select(AuditSeal).order_by(AuditSeal.seq.desc()).limit(1)).first()
    return ChainState(
        unchained=waiting[0],
        oldest_unchained=waiting[1],
        last_seq=session.scalar(select(func.max(AuditLink.seq))),
        sealed_seq=seal.seq if seal else None,
        sealed_at=seal.at if seal else None,
    )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries are asked for; empty values do not narrow."""

    actor_id: uuid.UUID | None = None
    actor_kind: str = ""
    action: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None


def read(
    session: Session, actor: Actor, wanted: Wanted, *, before: int | None = None, limit: int = 50
) -> list[tuple[AuditEntry, int | None]]:
    """Return entries with their places in the chain, the newest first; reading is an entry too."""
    query = select(AuditEntry, AuditLink.seq).outerjoin(
        AuditLink, AuditLink.entry_id == AuditEntry.id
    )
    for column, value in (
        (AuditEntry.actor_id, wanted.actor_id),
        (AuditEntry.actor_kind, wanted.actor_kind),
        (AuditEntry.subject_kind, wanted.subject_kind),
        (AuditEntry.outcome, wanted.outcome),
    ):
        if value:
            query = query.where(column == value)
    if wanted.subject_id:
        listed = AuditEntry.details.contains({"ids": [wanted.subject_id]})
        query = query.where(
            or_(
                AuditEntry.subject_id == wanted.subject_id,
                and_(AuditEntry.details.has_key("ids"), listed),
            )
        )
    if wanted.action:
        query = query.where(AuditEntry.action.startswith(wanted.action, autoescape=True))
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    with transaction(session):
        rows = session.execute(query.order_by(AuditEntry.id.desc()).limit(limit)).all()
        record(
            session,
            actor,
            "audit.read",
            "audit",
            rows=len(rows),
            first=rows[-1][0].id if rows else None,
            last=rows[0][0].id if rows else None,
            wanted={key: str(value) for key, value in asdict(wanted).items() if value},
        )
    return [(row[0], row[1]) for row in rows]


def denied_since(session: Session, moment: datetime) -> int:
    """Return how many acts were refused since *moment*."""
    return (
        session.scalar(
            select(func.count())
            .select_from(AuditEntry)
            .where(AuditEntry.outcome == "denied", AuditEntry.at >= moment)
        )
        or 0
    )
