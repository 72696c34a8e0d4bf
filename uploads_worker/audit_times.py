"""Times in the chain: seals never step back, and entries lie between their seals (SECURITY 48).

A clock that was set back, or an entry that was given a later time, shows here. A minute is allowed
for hosts whose clocks differ; they are synchronised (docs/operations.md). An entry that was put in
afterwards and dated back, as an owner of the database may, is linked when it is first seen: behind
seals that are newer than it claims to be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select

from heyan.audit.models import AuditEntry, AuditLink, AuditSeal
from heyan.custody import signing
from uploads_worker import audit_chain
from uploads_worker.context import Context

ALLOWED = timedelta(minutes=1)
# The longest transaction, and the hourly pass that links what came late with a low number.
COMES_LATE = timedelta(hours=2)


@dataclass(frozen=True)
class Times:
    """How many seals were compared, and the places where time does not run forward."""

    seals: int
    backward: tuple[int, ...]
    late_entries: int
    first_late: int | None
    dated_back: int
    first_dated_back: int | None

    @property
    def monotonic(self) -> bool:
        """Whether time runs forward everywhere."""
        return not self.backward and not self.late_entries and not self.dated_back


def check(context: Context) -> Times:
    """Compare the signed times of all seals, and each entry's with those of the seals around it."""
    keys = audit_chain.roots(context)
    count, before = 0, None
    backward: list[int] = []
    with context.sessions() as session:
        seals = session.execute(
            select(AuditSeal.seq, AuditSeal.envelope).order_by(AuditSeal.seq)
        ).yield_per(audit_chain.BATCH)
        for seq, envelope in seals:
            at = _signed_at(envelope, keys)
            if at is None:
                # Not the root's: `audit_chain.verify` names it.
                continue
            if before is not None and at < before - ALLOWED:
                backward.append(seq)
            count, before = count + 1, at
        after = (
            select(AuditSeal.at)
            .where(AuditSeal.seq >= AuditLink.seq)
            .order_by(AuditSeal.seq)
            .limit(1)
            .scalar_subquery()
        )
        earlier = (
            select(AuditSeal.at)
            .where(AuditSeal.seq < AuditLink.seq)
            .order_by(AuditSeal.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        late = AuditEntry.at > after + ALLOWED
        early = AuditEntry.at < earlier - COMES_LATE
        found = session.execute(
            select(
                func.count().filter(late),
                func.min(AuditLink.seq).filter(late),
                func.count().filter(early),
                func.min(AuditLink.seq).filter(early),
            )
            .select_from(AuditLink)
            .join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
        ).one()
    return Times(count, tuple(backward), *found)


def _signed_at(envelope: str, keys: list[Ed25519PublicKey]) -> datetime | None:
    for key in keys:
        try:
            found = json.loads(signing.verify(envelope, key, payload_type=signing.AUDIT_SEAL_TYPE))
        except signing.SignatureInvalid:
            continue
        return datetime.fromisoformat(found["at"])
    return None
