"""Times in the chain: seals never step back, and no entry is later than its seal (SECURITY 48).

A clock that was set back, or an entry that was given a later time, shows here. A minute is allowed
for hosts whose clocks differ; they are synchronised (docs/operations.md).
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


@dataclass(frozen=True)
class Times:
    """How many seals were compared, and the places where time does not run forward."""

    seals: int
    backward: tuple[int, ...]
    late_entries: int
    first_late: int | None

    @property
    def monotonic(self) -> bool:
        """Whether time runs forward everywhere."""
        return not self.backward and not self.late_entries


def check(context: Context) -> Times:
    """Compare the signed times of all seals, and each entry's with its seal's."""
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
        sealed = (
            select(AuditSeal.at)
            .where(AuditSeal.seq >= AuditLink.seq)
            .order_by(AuditSeal.seq)
            .limit(1)
            .scalar_subquery()
        )
        late, first = session.execute(
            select(func.count(), func.min(AuditLink.seq))
            .join(AuditEntry, AuditEntry.id == AuditLink.entry_id)
            .where(AuditEntry.at > sealed + ALLOWED)
        ).one()
    return Times(count, tuple(backward), late, first)


def _signed_at(envelope: str, keys: list[Ed25519PublicKey]) -> datetime | None:
    for key in keys:
        try:
            found = json.loads(signing.verify(envelope, key, payload_type=signing.AUDIT_SEAL_TYPE))
        except signing.SignatureInvalid:
            continue
        return datetime.fromisoformat(found["at"])
    return None
