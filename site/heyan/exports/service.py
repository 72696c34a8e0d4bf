"""The verbs of exports on the web's side: ask for one, find one's own, note a try without (I6)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Scenario
from heyan.approvals import requests
from heyan.approvals.models import AccessRequest, AccessRequestSubject
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.exports.models import Export, ExportKind
from heyan.exports.rows import Scope, count
from heyan.settings import Settings

SCENARIOS: dict[ExportKind, Scenario] = {
    ExportKind.LEADS: Scenario.LEADS,
    ExportKind.CONTACTS: Scenario.CONTACTS,
}


class ExportUnknown(Exception):
    """There is no such export, or it is another person's."""


class NothingThere(Exception):
    """No row is left to export."""


class TooMany(Exception):
    """More rows than one export may hold (EXPORT_MAX_ROWS)."""


def ask(
    session: Session,
    settings: Settings,
    actor: Actor,
    scope: Scope,
    *,
    purpose: str,
    hours: int,
    note: str,
) -> AccessRequest:
    """Ask for an export; a privacy officer, who is another person, decides.

    Raises `NothingThere`, `TooMany`, and as `heyan.approvals.requests.ask` does.
    """
    with transaction(session):
        rows = count(session, scope)
        if not rows:
            raise NothingThere
        if rows > settings.export_max_rows:
            raise TooMany
        row = Export(
            requester_id=scope.requester_id,
            kind=scope.kind,
            view=scope.view,
            since=scope.since,
            until=scope.until,
            asked_at=scope.asked_at,
            rows_asked=rows,
        )
        session.add(row)
        session.flush()
        asked = requests.ask(
            session,
            actor,
            level=requests.LEVELS["export"],
            scenario=SCENARIOS[scope.kind],
            subject_kind="export",
            subject_ids=[row.id],
            purpose=purpose,
            hours=hours,
            note=note,
        )
        record(
            session, actor, "exports.ask", "export", row.id, kind=row.kind.value, view=row.view,
            since=_day(row.since), until=_day(row.until), rows=rows, request_id=asked.id,
        )  # fmt: skip
        return asked


def _day(moment: datetime | None) -> str | None:
    return f"{clock.local(moment):%Y-%m-%d}" if moment else None


def own(session: Session, account_id: uuid.UUID, export_id: uuid.UUID) -> Export:
    """Return one of this person's own exports; raises `ExportUnknown`."""
    row = session.scalars(
        select(Export).where(Export.id == export_id, Export.requester_id == account_id)
    ).first()
    if row is None:
        raise ExportUnknown
    return row


def approved(session: Session, account_id: uuid.UUID, export_id: uuid.UUID) -> uuid.UUID | None:
    """Return the request by which this person may have the export now, else None."""
    live = requests.live(session, account_id, "export", export_id)
    return live.id if live else None


def of_request(session: Session, request_id: uuid.UUID) -> Export | None:
    """Return what a request for an export is for."""
    return session.scalars(
        select(Export)
        .join(AccessRequestSubject, AccessRequestSubject.subject_id == Export.id)
        .where(AccessRequestSubject.request_id == request_id)
    ).first()


def denied(session: Session, actor: Actor, what: str, export_id: uuid.UUID | None = None) -> None:
    """Put on record that somebody tried to have a list without an approval."""
    with transaction(session):
        record(session, actor, "exports.denied", "export", export_id, outcome="denied", kind=what)
