"""Verbs of the end of the service: proposed, approved, called off by two until it begins."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.winddown.models import ServiceEnding

# The law's and the policy's notice before a service ends (S-078; E-commerce law 16).
NOTICE = timedelta(days=30)


class TooSoon(Exception):
    """The end lies less than the notice ahead; ``days`` are the whole days there are."""

    def __init__(self, days: int) -> None:
        super().__init__(str(days))
        self.days = days


class StandsAlready(Exception):
    """An end is announced or proposed already."""


class NoEnding(Exception):
    """There is no end, or not in this state."""


class NotTheOther(Exception):
    """The second step takes another human."""


def propose(session: Session, actor: Actor, ends_at: datetime) -> uuid.UUID:
    """Propose a last day; raises `TooSoon`, `StandsAlready`."""
    _check(ends_at)
    try:
        with transaction(session):
            row = ServiceEnding(
                ends_at=ends_at, proposed_by=_person(actor), proposed_at=clock.now()
            )
            session.add(row)
            session.flush()
            record(
                session,
                actor,
                "winddown.propose",
                "service_ending",
                row.id,
                ends_at=ends_at.isoformat(),
            )
            return row.id
    except IntegrityError as error:
        session.rollback()
        raise StandsAlready from error


def approve(session: Session, actor: Actor, *, browser: Sequence[str] = ()) -> None:
    """Approve what another proposed; the notice runs from now.

    Raises `NoEnding`, `NotTheOther`, and `TooSoon` when the proposal waited too long.
    """
    with transaction(session):
        row = _locked(session)
        if row.approved_at is not None:
            raise NoEnding
        if accounts.same_human(session, _person(actor), row.proposed_by, browser=browser):
            raise NotTheOther
        _check(row.ends_at)
        row.approved_by, row.approved_at = actor.id, clock.now()
        record(session, actor, "winddown.approve", "service_ending", row.id)


def ask_to_cancel(session: Session, actor: Actor) -> None:
    """Ask that the end be called off; a proposal is dropped at once. Raises `NoEnding`."""
    with transaction(session):
        row = _locked(session)
        now = clock.now()
        if row.approved_at is None:
            row.cancelled_at = now
        elif row.cancel_asked_at is not None:
            raise NoEnding
        row.cancel_asked_by, row.cancel_asked_at = _person(actor), now
        record(session, actor, "winddown.ask_to_cancel", "service_ending", row.id)


def cancel(session: Session, actor: Actor, *, browser: Sequence[str] = ()) -> None:
    """Call the end off after another asked; raises `NoEnding`, `NotTheOther`."""
    with transaction(session):
        row = _locked(session)
        if row.cancel_asked_at is None:
            raise NoEnding
        if accounts.same_human(session, _person(actor), row.cancel_asked_by, browser=browser):
            raise NotTheOther
        row.cancelled_by, row.cancelled_at = actor.id, clock.now()
        record(session, actor, "winddown.cancel", "service_ending", row.id)


def standing(session: Session) -> ServiceEnding | None:
    """Return the end that is proposed, announced or carried out; None when there is none."""
    return session.scalar(select(ServiceEnding).where(ServiceEnding.cancelled_at.is_(None)))


def announced(session: Session) -> ServiceEnding | None:
    """Return the end once it is approved."""
    row = standing(session)
    return row if row is not None and row.approved_at is not None else None


def end_of(session: Session) -> datetime | None:
    """Return when the service ends, if that is announced."""
    row = announced(session)
    return row.ends_at if row else None


def _check(ends_at: datetime) -> None:
    ahead = ends_at - clock.now()
    if ahead < NOTICE:
        raise TooSoon(max(0, ahead.days))


def _locked(session: Session) -> ServiceEnding:
    row = session.scalar(
        select(ServiceEnding).where(ServiceEnding.cancelled_at.is_(None)).with_for_update()
    )
    if row is None or row.begun_at is not None:
        raise NoEnding
    # A proposal that nobody approved in time can still be dropped, so that another can be made.
    if row.approved_at is not None and row.ends_at <= clock.now():
        raise NoEnding
    return row


def _person(actor: Actor) -> uuid.UUID:
    if actor.id is None:
        raise ValueError("a person does this")
    return actor.id
