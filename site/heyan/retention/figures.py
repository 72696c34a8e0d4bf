"""What the sweeps did and left, for the privacy officer's page and the homes of staff (S-075)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.retention.holds import in_force
from heyan.retention.models import LegalHold, SweepRun

# A sweep comes every hour; one that is missing for longer is as bad as one that failed.
LATE = timedelta(hours=2)
RUNS = 12


@dataclass(frozen=True)
class Figures:
    """The state of keeping: ``late`` when no sweep ended lately, ``overdue`` by rule."""

    runs: Sequence[SweepRun]
    ended_at: datetime | None
    late: bool
    overdue: dict[str, int]
    failed: Sequence[str]
    holds: int

    @property
    def total(self) -> int:
        """How much is past its last day and still there."""
        return sum(self.overdue.values())

    @property
    def troubled(self) -> bool:
        """Whether somebody has to look."""
        return bool(self.late or self.total or self.failed)


def figures(session: Session) -> Figures:
    """Return the state as the last sweep left it."""
    runs = session.scalars(select(SweepRun).order_by(SweepRun.id.desc()).limit(RUNS)).all()
    last = next((run for run in runs if run.ended_at is not None), None)
    ended = last.ended_at if last else None
    held = select(func.count()).select_from(LegalHold).where(in_force())
    return Figures(
        runs=runs,
        ended_at=ended,
        late=ended is None or ended < clock.now() - LATE,
        overdue={name: int(count) for name, count in last.overdue.items()} if last else {},
        failed=last.failed if last else (),
        holds=session.scalar(held) or 0,
    )
