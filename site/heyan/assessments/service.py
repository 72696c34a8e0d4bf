"""Verbs of the register of impact assessments: write, confirm, delete, and who may open."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from heyan import clock
from heyan.accounts import service as accounts
from heyan.assessments.models import Assessment
from heyan.audit.service import Actor, record
from heyan.db import transaction

# PIPL 56: an assessment and the record of how it was handled stay at least three years.
KEPT = timedelta(days=3 * 365 + 1)
PAGE = 30


class AssessmentUnknown(Exception):
    """There is none of this id."""


class NotTheOther(Exception):
    """Whoever wrote it does not confirm it, under whatever account."""


class AlreadyConfirmed(Exception):
    """Somebody confirmed it before."""


class StillKept(Exception):
    """It has to stay longer; ``until`` says how long."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until.isoformat())
        self.until = until


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the author says; no personal data belongs into it."""

    subject: str
    necessity: str
    risks: str
    measures: str
    conclusion: str
    review_at: datetime
    # With the measures taken, the risk is high still.
    high_risk: bool = False
    event_id: uuid.UUID | None = None
    covers: tuple[str, ...] = ()


def write(session: Session, actor: Actor, facts: Facts) -> Assessment:
    """Enter an assessment; it counts once another person has confirmed it."""
    author = _person(actor)
    with transaction(session):
        row = Assessment(
            **{**asdict(facts), "covers": sorted(facts.covers)},
            written_by=author,
            written_at=clock.now(),
        )
        session.add(row)
        session.flush()
        record(session, actor, "assessments.write", "assessment", row.id, event_id=facts.event_id)
        return row


def confirm(
    session: Session, actor: Actor, assessment_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> None:
    """Confirm another person's assessment.

    Raises `AssessmentUnknown`, `NotTheOther`, `AlreadyConfirmed`.
    """
    with transaction(session):
        row = _locked(session, assessment_id)
        if row.confirmed_at is not None:
            raise AlreadyConfirmed
        if accounts.same_human(session, _person(actor), row.written_by, browser=browser):
            raise NotTheOther
        row.confirmed_by, row.confirmed_at = actor.id, clock.now()
        record(session, actor, "assessments.confirm", "assessment", row.id, event_id=row.event_id)


def delete(session: Session, actor: Actor, assessment_id: uuid.UUID) -> None:
    """Delete what is three years old; raises `AssessmentUnknown`, `StillKept` (L-25)."""
    with transaction(session):
        row = _locked(session, assessment_id)
        until = kept_until(row)
        if until > clock.now():
            raise StillKept(until)
        session.delete(row)
        record(session, actor, "assessments.delete", "assessment", assessment_id)


def kept_until(row: Assessment) -> datetime:
    """Return the moment before which an assessment stays (L-25)."""
    return (row.confirmed_at or row.written_at) + KEPT


def covered(session: Session, event_id: uuid.UUID, kinds: Collection[str]) -> bool:
    """Tell whether a confirmed assessment, not due for review, covers all of *kinds*.

    What the latest one calls a high risk is covered by none: first measures, then a new assessment.
    """
    standing = session.scalars(
        select(Assessment).where(
            Assessment.event_id == event_id,
            Assessment.confirmed_at.is_not(None),
            Assessment.review_at > clock.now(),
        )
    ).all()
    if high_risk(session, event_id):
        return False
    return any(set(kinds) <= set(row.covers) and not row.high_risk for row in standing)


def high_risk(session: Session, event_id: uuid.UUID) -> bool:
    """Tell whether the latest confirmed assessment of an event leaves a high risk."""
    latest = (
        select(Assessment.high_risk)
        .where(Assessment.event_id == event_id, Assessment.confirmed_at.is_not(None))
        .order_by(Assessment.confirmed_at.desc(), Assessment.id.desc())
        .limit(1)
    )
    return bool(session.scalar(latest))


def high_risks(session: Session) -> int:
    """Return how many confirmed high risks no later assessment of the same event has settled."""
    later = aliased(Assessment)
    settled = exists().where(
        later.event_id == Assessment.event_id, later.confirmed_at > Assessment.confirmed_at
    )
    query = select(func.count()).select_from(Assessment)
    open_ones = query.where(
        Assessment.high_risk,
        Assessment.confirmed_at.is_not(None),
        Assessment.review_at > clock.now(),
        ~settled,
    )
    return session.scalar(open_ones) or 0


def high_risks_since(session: Session, moment: datetime) -> Sequence[str]:
    """Return what was found to be a high risk after *moment*: people must be told of it (S-109)."""
    return session.scalars(
        select(Assessment.subject)
        .where(Assessment.high_risk, Assessment.confirmed_at > moment)
        .order_by(Assessment.confirmed_at)
    ).all()


def load(session: Session, assessment_id: uuid.UUID) -> Assessment:
    """Return one; raises `AssessmentUnknown`."""
    row = session.get(Assessment, assessment_id)
    if row is None:
        raise AssessmentUnknown
    return row


def listed(session: Session, after: uuid.UUID | None = None) -> Sequence[Assessment]:
    """Return a page and one more, the newest first."""
    query = select(Assessment).order_by(Assessment.id.desc()).limit(PAGE + 1)
    if after:
        query = query.where(Assessment.id < after)
    return session.scalars(query).all()


def of_event(session: Session, event_id: uuid.UUID) -> Sequence[Assessment]:
    """Return an event's assessments, the newest first."""
    return session.scalars(
        select(Assessment).where(Assessment.event_id == event_id).order_by(Assessment.id.desc())
    ).all()


def waiting(session: Session) -> Sequence[Assessment]:
    """Return those that nobody confirmed yet."""
    return session.scalars(select(Assessment).where(Assessment.confirmed_at.is_(None))).all()


def _locked(session: Session, assessment_id: uuid.UUID) -> Assessment:
    row = session.get(Assessment, assessment_id, with_for_update=True)
    if row is None:
        raise AssessmentUnknown
    return row


def _person(actor: Actor) -> uuid.UUID:
    if actor.id is None:
        raise ValueError("a person does this")
    return actor.id
