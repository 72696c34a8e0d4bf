"""The verbs of counting: agree, refuse, count. Nothing is counted without a standing consent."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.consent import service as consents
from heyan.consent.purposes import ANALYTICS
from heyan.consent.service import ConsentMissing, Evidence
from heyan.cookies import USAGE
from heyan.db import blind_index, transaction
from heyan.usage.device import device_of, network_of, system_of
from heyan.usage.models import Dimension, HitKind, UsageHit, UsageSum, UsageVisitor

_TOKEN = re.compile(r"[\w-]{22}")


@dataclass(frozen=True)
class Seen:
    """What a request tells of itself; shortened before it is kept."""

    user_agent: str
    address: str


def _index(token: str) -> bytes:
    return blind_index(token, "usage.visitor")


def agree(session: Session, evidence: Evidence, *, text_shown: str) -> str:
    """Write the consent to the ledger and return the new visitor's random token (A7, F3)."""
    token = secrets.token_urlsafe(16)
    with transaction(session):
        index = _index(token)
        consent = consents.grant(
            session, ANALYTICS, evidence, text_shown=text_shown, visitor=index.hex()
        )
        until = clock.now() + timedelta(seconds=USAGE.max_age or 0)
        session.add(UsageVisitor(visitor_index=index, consent_id=consent.id, until=until))
    return token


def refuse(session: Session, token: str | None, evidence: Evidence, *, text_shown: str) -> None:
    """End the consent of *token*, if there is one, and remove all that was counted (S-041)."""
    if not _sound(token):
        return
    index = _index(str(token))
    with transaction(session):
        gone = session.scalar(
            delete(UsageVisitor)
            .where(UsageVisitor.visitor_index == index)
            .returning(UsageVisitor.visitor_index)
        )
        session.execute(delete(UsageHit).where(UsageHit.visitor_index == index))
        if gone is not None:
            consents.withdraw(
                session, ANALYTICS, evidence, text_shown=text_shown, visitor=index.hex()
            )


def agreed(session: Session, token: str | None) -> bool:
    """Tell whether the holder of *token* agrees to be counted, now."""
    if not _sound(token):
        return False
    index = _index(str(token))
    found = session.execute(
        select(UsageVisitor.until, UsageVisitor.consent_id).where(
            UsageVisitor.visitor_index == index
        )
    ).first()
    if found is None or found.until <= clock.now():
        return False
    try:
        consents.require_of_visitor(session, found.consent_id, index.hex())
    except ConsentMissing:
        return False
    return True


def count(
    session: Session, token: str | None, seen: Seen, kind: HitKind, page: str, click: str = ""
) -> bool:
    """Count one page or press of somebody who agreed; tell whether it was counted.

    The ledger is asked first (A6): without a standing consent nothing is written.
    """
    with transaction(session):
        if not agreed(session, token):
            return False
        session.add(
            UsageHit(
                visitor_index=_index(str(token)),
                at=clock.now().replace(second=0, microsecond=0),
                kind=kind,
                page=page,
                click=click,
                system=system_of(seen.user_agent),
                device=device_of(seen.user_agent),
                network=network_of(seen.address),
            )
        )
    return True


def _sound(token: str | None) -> bool:
    return token is not None and _TOKEN.fullmatch(token) is not None


@dataclass(frozen=True)
class Figures:
    """Sums over a span of days: per day as (day, hits), and per name as (name, hits)."""

    days: list[tuple[date, int]]
    pages: list[tuple[str, int]]
    clicks: list[tuple[str, int]]
    systems: list[tuple[str, int]]
    devices: list[tuple[str, int]]


def figures(session: Session, *, days: int = 30) -> Figures:
    """Return the sums of the last *days* finished days, the largest names in front."""
    today = clock.local(clock.now()).date()
    first = today - timedelta(days=days)
    rows = session.execute(
        select(UsageSum.day, UsageSum.hits).where(
            UsageSum.day >= first, UsageSum.dimension == Dimension.DAY
        )
    )
    by_day = {row.day: row.hits for row in rows}
    shown = [first + timedelta(days=at) for at in range(days)]
    return Figures(
        [(day, by_day.get(day, 0)) for day in shown],
        *(
            _by_name(session, first, dimension)
            for dimension in (Dimension.PAGE, Dimension.CLICK, Dimension.SYSTEM, Dimension.DEVICE)
        ),
    )


def _by_name(session: Session, first: date, dimension: Dimension) -> list[tuple[str, int]]:
    hits = func.sum(UsageSum.hits)
    rows = session.execute(
        select(UsageSum.name, hits)
        .where(UsageSum.day >= first, UsageSum.dimension == dimension)
        .group_by(UsageSum.name)
        .order_by(hits.desc(), UsageSum.name)
        .limit(12)
    )
    return [(name, int(found)) for name, found in rows]
