"""What people and organizers are reminded of before it is too late (REQUIREMENTS C5, L5, S-006).

One notice for each thing and each of its days: the notices that are there say what was told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, exists, literal, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import transaction
from heyan.documents.models import Document, DocumentState
from heyan.events.models import Event, EventStatus
from heyan.notifications.models import Notice
from heyan.notifications.service import notify
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.releases.models import Release
from uploads_worker.context import Context
from uploads_worker.releases.claims import RUNNING
from uploads_worker.releases.offering import members
from uploads_worker.releases.waiting import still_agreed, waiting_documents

# A returned document: three days and one day before its last moment; a draft: one day.
RETURNED_DAYS = (3, 1)
DRAFT_DAYS = (1,)
# The organizer's copies, after the results were published; the students are told when it confirms.
HELD_DAYS = (30, 60)
# How many are told in one transaction.
PAGE = 200

Row = tuple[uuid.UUID, uuid.UUID]


def remind_people(context: Context) -> int:
    """Leave every reminder whose time has come; returns how many."""
    told = 0
    for day in RETURNED_DAYS:
        told += _each(context, "documents_due", _returned(day), str(day))
    for day in DRAFT_DAYS:
        told += _each(context, "draft_due", _drafts(day), str(day))
    return told + _ask_again(context) + _ask_to_destroy(context)


def _soon(moment: ColumnElement[datetime], day: int) -> ColumnElement[bool]:
    now = clock.now()
    return (moment > now) & (moment <= now + timedelta(days=day))


def _returned(day: int) -> list[ColumnElement[bool]]:
    came_back = exists().where(
        Document.registration_id == Registration.id, Document.state == DocumentState.RETURNED
    )
    return [
        Registration.status == RegistrationStatus.RETURNED,
        _soon(Event.documents_until.expression, day),
        came_back,
    ]


def _drafts(day: int) -> list[ColumnElement[bool]]:
    return [
        Registration.status == RegistrationStatus.DRAFT,
        Event.status == EventStatus.PUBLISHED,
        _soon(Event.closes_at.expression, day),
        # Who began a moment ago knows.
        Registration.updated_at <= clock.now() - timedelta(hours=1),
    ]


def _untold(kind: str, mark: ColumnElement[str]) -> ColumnElement[bool]:
    return ~exists().where(
        Notice.account_id == Registration.account_id,
        Notice.kind == kind,
        Notice.params["registration_id"].astext == Registration.id.cast(String),
        Notice.params["mark"].astext == mark,
    )


def _each(context: Context, kind: str, which: list[ColumnElement[bool]], mark: str) -> int:
    """Tell everyone of *which* once for each *mark*."""
    told = 0
    while True:
        with context.sessions() as session, transaction(session):
            rows = session.execute(
                select(Registration.id, Registration.account_id)
                .join(Event, Event.id == Registration.event_id)
                .where(*which, _untold(kind, literal(mark)))
                .limit(PAGE)
            ).all()
            _tell(session, kind, ((row[0], row[1]) for row in rows), mark)
        told += len(rows)
        if len(rows) < PAGE:
            return told


def _tell(session: Session, kind: str, rows: Iterable[Row], mark: str) -> None:
    for registration_id, account_id in rows:
        notify(session, account_id, kind, registration_id=registration_id, mark=mark)


def _ask_again(context: Context) -> int:
    """Tell those whose documents wait for a consent that no longer covers the hand-over.

    Once for each version of the organizer.
    """
    told, after = 0, uuid.UUID(int=0)
    version = Organization.version.cast(String)
    while True:
        with context.sessions() as session, transaction(session):
            rows = session.execute(
                select(Registration.id, Registration.account_id, version)
                .join(Event, Event.id == Registration.event_id)
                .join(Organization, Organization.id == Event.organization_id)
                .where(
                    Registration.id > after,
                    Registration.id.in_(
                        select(Document.registration_id)
                        .join(Registration, Registration.id == Document.registration_id)
                        .where(waiting_documents())
                    ),
                    Event.status.in_(RUNNING),
                    _untold("consent_due", version),
                )
                .order_by(Registration.id)
                .limit(PAGE)
            ).all()
            agreed = still_agreed(session, [row[0] for row in rows])
            left = [row for row in rows if row[0] not in agreed]
            for registration_id, account_id, mark in left:
                _tell(session, "consent_due", [(registration_id, account_id)], mark)
        told += len(left)
        if len(rows) < PAGE:
            return told
        after = rows[-1][0]


def _ask_to_destroy(context: Context) -> int:
    """Ask members to destroy what they still hold of a batch whose results are long out (L5)."""
    told = 0
    for days in HELD_DAYS:
        untold = ~exists().where(
            Notice.kind == "release_held",
            Notice.params["release_id"].astext == Release.id.cast(String),
            Notice.params["days"].astext == str(days),
        )
        with context.sessions() as session, transaction(session):
            rows = session.execute(
                select(Release.id, Release.organization_id, Release.number).where(
                    Release.decided_at <= clock.now() - timedelta(days=days),
                    Release.holder_destroyed_at.is_(None),
                    untold,
                )
            ).all()
            for release_id, organization_id, number in rows:
                for member in members(session, organization_id):
                    notify(
                        session, member, "release_held",
                        release_id=release_id, number=number, days=days,
                    )  # fmt: skip
        told += len(rows)
    return told
