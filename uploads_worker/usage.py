"""What becomes of counted visits: sums for each finished day, then the rows go (F3, S-038)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import transaction
from heyan.policies import promises
from heyan.usage.models import Dimension, HitKind, UsageHit, UsageSum, UsageVisitor
from heyan.usage.wording import OTHER
from uploads_worker.context import Context
from uploads_worker.keeping.rules import never, outlived, rule

# What fewer visitors did on a day might tell who they are: it counts as "other".
FEWEST = 5


def add_up(context: Context) -> int:
    """Add up every finished day that has no sums yet; return how many days."""
    with context.sessions() as session, transaction(session):
        today = clock.local(clock.now()).date()
        last = session.scalar(select(func.max(UsageSum.day)))
        first = session.scalar(select(func.min(UsageHit.at)))
        if first is None:
            return 0
        begin = clock.local(first).date()
        day = max(begin, last + timedelta(days=1)) if last is not None else begin
        done = 0
        while day < today:
            _one_day(session, day)
            day += timedelta(days=1)
            done += 1
        return done


def _one_day(session: Session, day: date) -> None:
    begin = clock.midnight(day)
    hits: dict[Dimension, Counter[str]] = defaultdict(Counter)
    visitors: dict[tuple[Dimension, str], set[bytes]] = defaultdict(set)
    rows = session.execute(
        select(
            UsageHit.visitor_index, UsageHit.kind, UsageHit.page, UsageHit.click,
            UsageHit.system, UsageHit.device,
        )
        .where(UsageHit.at >= begin, UsageHit.at < begin + timedelta(days=1))
        .execution_options(yield_per=2000)
    )  # fmt: skip
    for visitor, kind, page, click, system, device in rows:
        for dimension, name in _names(kind, page, click, system, device):
            hits[dimension][name] += 1
            visitors[dimension, name].add(bytes(visitor))
    # A day without a visit has a row as well, so that it is not added up again.
    sums: dict[tuple[Dimension, str], list[int]] = {(Dimension.DAY, ""): [0, 0]}
    for dimension, names in hits.items():
        for name, count in names.items():
            people = len(visitors[dimension, name])
            shown = name if people >= FEWEST or dimension is Dimension.DAY else OTHER
            entry = sums.setdefault((dimension, shown), [0, 0])
            entry[0] += count
            entry[1] += people
    session.execute(
        insert(UsageSum).on_conflict_do_nothing(),
        [
            {"day": day, "dimension": dimension, "name": name, "hits": count, "visitors": people}
            for (dimension, name), (count, people) in sums.items()
        ],
    )


def _names(
    kind: HitKind, page: str, click: str, system: str, device: str
) -> Iterable[tuple[Dimension, str]]:
    if kind is HitKind.CLICK:
        return [(Dimension.CLICK, click)]
    return [
        (Dimension.DAY, ""),
        (Dimension.PAGE, page),
        (Dimension.SYSTEM, system),
        (Dimension.DEVICE, device),
    ]


def expire(context: Context) -> int:
    """Delete visits past their period, and those of a consent that ran out; the ledger keeps it."""
    moment = clock.now()
    with context.sessions() as session, transaction(session):
        old = UsageHit.at <= promises.cutoff(session, "usage", moment)
        gone = session.execute(delete(UsageHit).where(old)).rowcount  # type: ignore[attr-defined] # a cursor's
        ended = select(UsageVisitor.visitor_index).where(UsageVisitor.until <= moment)
        session.execute(delete(UsageHit).where(UsageHit.visitor_index.in_(ended)))
        session.execute(delete(UsageVisitor).where(UsageVisitor.until <= moment))
    return int(gone)


RULES = (
    rule(
        "usage",
        "usage",
        "usage_hits usage_visitors",
        outlived(UsageHit, "usage", UsageHit.at),
    ),
    rule("usage_sums", "", "", never),
)
