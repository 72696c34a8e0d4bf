"""How long something is kept: as promised when it was collected, and never longer (S-106, K1).

Each published privacy policy carries the registry's periods in days beside its text, under the
same digest. A record is kept for the shortest of what the version of its day and every version
since then promised: a later version shortens for all, and lengthens only for what is collected
under it. A law's shortest period stands above all of them.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.classification import REGISTRY
from heyan.policies.models import PolicyKind, PolicyVersion

# Under which key a version's content carries the periods.
PERIODS = "periods"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_VERSIONS = (
    select(PolicyVersion.effective_at, PolicyVersion.content[PERIODS])
    .where(
        PolicyVersion.kind == PolicyKind.PRIVACY,
        PolicyVersion.effective_at <= bindparam("moment"),
    )
    .order_by(PolicyVersion.effective_at, PolicyVersion.published_at)
)


def periods() -> dict[str, int]:
    """Return what the registry promises now, in days; what counts no days is not in it."""
    return {key: one.days for key, one in REGISTRY.items() if one.days is not None}


def kept(session: Session, category: str, collected_at: datetime) -> timedelta:
    """Return how long what was collected then is kept, from whatever its period counts from.

    `ValueError` when the category counts no days.
    """
    found = _steps(session, category, clock.now())
    return next(how_long for since, how_long in reversed(found) if since <= collected_at)


def cutoff(session: Session, category: str, moment: datetime) -> datetime:
    """Return up to when what was collected is past its period at *moment*.

    For what counts from its own day: as the periods only grow with the day of collection, all
    that is past lies before one moment.
    """
    found, latest = _steps(session, category, moment), _BEGINNING
    ends = [since for since, _how_long in found[1:]]
    for (since, how_long), end in zip(found, [*ends, None], strict=True):
        past = moment - how_long
        if past < since:
            break
        latest = past if end is None else min(past, end)
    return latest


def past(
    session: Session, category: str, collected: Any, counted: Any, moment: datetime
) -> ColumnElement[bool]:
    """Return the condition for what was *collected* (a column) and is past its period at *moment*.

    The period counts from *counted*, another column.
    """
    found = _steps(session, category, moment)
    ends = [since for since, _how_long in found[1:]]
    conditions = []
    for (since, how_long), end in zip(found, [*ends, None], strict=True):
        of_then = [] if since == _BEGINNING else [collected >= since]
        of_then += [] if end is None else [collected < end]
        conditions.append(and_(counted <= moment - how_long, *of_then))
    return or_(*conditions)


def _steps(session: Session, category: str, moment: datetime) -> list[tuple[datetime, timedelta]]:
    """Return since when what is collected is kept how long, the longer the later."""
    registered = REGISTRY[category]
    if registered.days is None:
        raise ValueError(f"{category} is not kept by days")
    shortest, found = registered.days, []
    for since, promised in reversed(session.execute(_VERSIONS, {"moment": moment}).all()):
        shortest = min(shortest, (promised or {}).get(category, shortest))
        found.append((since, _lawful(category, shortest)))
    found = found[::-1] or [(_BEGINNING, _lawful(category, shortest))]
    # Nothing is collected before the first version; what a test or a restore dates back is its.
    merged = [(_BEGINNING, found[0][1])]
    merged += [one for before, one in itertools.pairwise(found) if before[1] != one[1]]
    return merged


def _lawful(category: str, days: int) -> timedelta:
    floor = REGISTRY[category].floor
    return timedelta(days=max(days, floor.days if floor else 0))
