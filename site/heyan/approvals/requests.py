"""Requests for named records at L3 and L4: ask, decide, end (I6, S-091).

L3 needs a privacy officer. L4 needs a privacy officer and an administrator: two humans, neither
of them the one who asks, whatever accounts they use (C-50, SECURITY 30).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import SCENARIOS, Role, Scenario
from heyan.accounts import service as accounts
from heyan.approvals.grants import NotApprover, NotGranted, SamePerson, roles_of, tell
from heyan.approvals.models import (
    AccessDecision,
    AccessRequest,
    AccessRequestSubject,
    RequestStatus,
)
from heyan.approvals.states import NotNow, move_request
from heyan.approvals.wording import EXPORT_PURPOSES, PURPOSES
from heyan.audit.service import Actor, record
from heyan.contacts.models import Recording, RecordingState
from heyan.db import transaction
from heyan.documents.models import Document
from heyan.exports.models import Export
from heyan.notifications.service import notify
from heyan.oversight import fitness
from heyan.registrations.models import Registration
from heyan.viewings import service as viewings

PAGE = 30
MOST_SUBJECTS = 50
# The longest time in hours (CONTROLS 5), and whose word is needed, by level.
HOURS = {3: 8, 4: 24}
APPROVERS: dict[int, frozenset[Role]] = {
    3: frozenset({Role.PRIVACY_OFFICER}),
    4: frozenset({Role.PRIVACY_OFFICER, Role.ADMINISTRATOR}),
}
LEVELS = {"registration": 3, "recording": 3, "document": 4, "export": 3}
# What is opened by the worker for the requester's own key, not shown on our pages.
VIEWED = frozenset({"recording", "document", "export"})


class RequestUnknown(Exception):
    """There is no such request, or not for this person to see."""


class RequestInvalid(Exception):
    """Nothing or too much is named, for too long, or at another level than the records have."""


@dataclass(frozen=True)
class Confirmed:
    """A request that every approver it needs agreed to, live at this moment."""

    requester_id: uuid.UUID
    subject_kind: str
    subject_ids: frozenset[uuid.UUID]
    scenario: str
    # Roles of the approvers; names go nowhere.
    roles: tuple[str, ...]
    # Short, drawn on pictures; tells nothing of anybody.
    number: str
    ends_at: datetime


def number_of(request_id: uuid.UUID) -> str:
    """Return the short number of a request, such as A-3F9C21."""
    return f"A-{request_id.hex[-6:].upper()}"


def ask(
    session: Session,
    actor: Actor,
    *,
    level: int,
    scenario: Scenario,
    subject_kind: str,
    subject_ids: Collection[uuid.UUID],
    purpose: str,
    hours: int,
    note: str = "",
) -> AccessRequest:
    """Ask for named records; the level's approvers are told. *purpose* is one of `PURPOSES`
    (`EXPORT_PURPOSES` for a list).

    Raises `RequestInvalid`, `NotGranted` when no role of the actor's belongs to *scenario*, and
    `heyan.oversight.fitness.NotFit`.
    """
    subjects = set(subject_ids)
    if (
        actor.id is None
        or LEVELS.get(subject_kind) != int(level)
        or not 0 < len(subjects) <= MOST_SUBJECTS
        or not 1 <= hours <= HOURS[int(level)]
        or purpose not in (EXPORT_PURPOSES if subject_kind == "export" else PURPOSES)
        or _known(session, subject_kind, subjects, actor.id) != len(subjects)
    ):
        raise RequestInvalid
    if not roles_of(session, actor.id) & SCENARIOS[scenario]:
        raise NotGranted(scenario, "role")
    fitness.require_fit(session, actor.id)
    with transaction(session):
        row = AccessRequest(
            level=int(level),
            scenario=scenario,
            subject_kind=subject_kind,
            requester_id=actor.id,
            purpose=purpose,
            note=note,
            hours=hours,
            status=RequestStatus.WAITING,
            asked_at=clock.now(),
        )
        session.add(row)
        session.flush()
        session.add_all(AccessRequestSubject(request_id=row.id, subject_id=x) for x in subjects)
        record(
            session, actor, "approvals.ask", "request", row.id, level=row.level, purpose=purpose,
            scenario=scenario.value, kind=subject_kind, subjects=sorted(subjects), hours=hours,
        )  # fmt: skip
        for role in sorted(APPROVERS[row.level], key=lambda one: one.value):
            tell(session, role, "request_waiting", apart=actor.id, request_id=row.id)
        return row


def _known(
    session: Session, kind: str, subjects: Collection[uuid.UUID], account_id: uuid.UUID
) -> int:
    """Return how many of *subjects* are records of *kind* that can be opened."""
    queries: dict[str, Select[int]] = {
        "registration": select(func.count()).where(Registration.id.in_(subjects)),
        "document": select(func.count()).where(
            Document.id.in_(subjects), Document.destroyed_at.is_(None)
        ),
        "recording": select(func.count()).where(
            Recording.id.in_(subjects), Recording.state == RecordingState.SEALED
        ),
        "export": select(func.count()).where(
            Export.id.in_(subjects), Export.requester_id == account_id
        ),
    }
    return session.scalar(queries[kind]) or 0


def decide(
    session: Session,
    actor: Actor,
    request_id: uuid.UUID,
    *,
    approve: bool,
    reason: str,
    browser: Sequence[str] = (),
) -> AccessRequest:
    """Say yes or no to a request; one no ends it, the last yes that is needed opens it.

    The row's lock makes those who decide at once wait for one another. Raises `RequestUnknown`,
    `NotNow`, `SamePerson`, and `NotApprover` when no word of the actor's roles is needed (still).
    """
    with transaction(session):
        row = _locked(session, request_id)
        if row.status is not RequestStatus.WAITING:
            raise NotNow
        said = decisions(session, row.id)
        for other in (row.requester_id, *(one.approver_id for one in said)):
            if accounts.same_human(session, actor.id, other, browser=browser):
                raise SamePerson
        open_roles = APPROVERS[row.level] - {one.role for one in said}
        mine = sorted(roles_of(session, actor.id) & open_roles, key=lambda one: one.value)
        if not mine:
            raise NotApprover
        session.add(
            AccessDecision(
                request_id=row.id,
                approver_id=actor.id,
                role=mine[0],
                approved=approve,
                reason=reason,
                at=clock.now(),
            )
        )
        record(
            session, actor, "approvals.approve" if approve else "approvals.refuse", "request",
            row.id, role=mine[0].value, level=row.level,
        )  # fmt: skip
        if not approve:
            row.status = move_request(row.status, RequestStatus.REFUSED)
            notify(session, row.requester_id, "request_refused", request_id=row.id)
        elif open_roles == {mine[0]}:
            _open(session, actor, row)
        return row


def _open(session: Session, actor: Actor, row: AccessRequest) -> None:
    row.status = move_request(row.status, RequestStatus.APPROVED)
    row.approved_at = clock.now()
    row.ends_at = row.approved_at + timedelta(hours=row.hours)
    session.flush()
    if row.subject_kind in VIEWED:
        viewings.order(
            session,
            request_id=row.id,
            requester_id=row.requester_id,
            subject_kind=row.subject_kind,
            subject_ids=subject_ids(session, row.id),
            hours=row.hours,
        )
    for export in session.scalars(select(Export).where(Export.id.in_(_subjects(row.id)))):
        record(
            session, actor, "exports.approve", "export", export.id,
            kind=export.kind.value, rows=export.rows_asked, request_id=row.id,
        )  # fmt: skip
    notify(session, row.requester_id, "request_approved", request_id=row.id)


def end(session: Session, actor: Actor, request_id: uuid.UUID) -> AccessRequest:
    """End a request before its time, as who asked or as one of the level's approvers.

    Raises `RequestUnknown`, `NotNow` and `NotApprover`.
    """
    with transaction(session):
        row = _locked(session, request_id)
        approver = bool(roles_of(session, actor.id) & APPROVERS[row.level])
        if actor.id != row.requester_id and not approver:
            raise NotApprover
        row.status = move_request(row.status, RequestStatus.ENDED)
        row.ended_by, row.ended_at = actor.id, clock.now()
        record(session, actor, "approvals.end", "request", row.id, level=row.level)
        if actor.id != row.requester_id:
            notify(session, row.requester_id, "request_ended", request_id=row.id)
        return row


def _locked(session: Session, request_id: uuid.UUID) -> AccessRequest:
    row = session.get(AccessRequest, request_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise RequestUnknown
    return row


# --- whether it counts now -------------------------------------------------------------------


def live(
    session: Session, account_id: uuid.UUID, subject_kind: str, subject_id: uuid.UUID
) -> AccessRequest | None:
    """Return this person's own approved request that names the record and has not ended."""
    rows = session.scalars(
        select(AccessRequest)
        .join(AccessRequestSubject, AccessRequestSubject.request_id == AccessRequest.id)
        .where(
            AccessRequest.requester_id == account_id,
            AccessRequest.subject_kind == subject_kind,
            AccessRequestSubject.subject_id == subject_id,
            AccessRequest.status == RequestStatus.APPROVED,
            AccessRequest.ends_at > clock.now(),
        )
        .order_by(AccessRequest.ends_at.desc())
        .execution_options(populate_existing=True)
    )
    return next((row for row in rows if confirmed(session, row.id) is not None), None)


def confirmed(session: Session, request_id: uuid.UUID) -> Confirmed | None:
    """Return what was approved, or None unless every needed word is there and it counts now.

    Asked by the worker as well, whose database role may not read the words of it. The requester
    must still be at work, in a role that belongs to the scenario (C-51), trained, and know the
    rules of the house (S-080, S-081).
    """
    row = session.execute(
        select(
            AccessRequest.level,
            AccessRequest.scenario,
            AccessRequest.subject_kind,
            AccessRequest.requester_id,
            AccessRequest.ends_at,
        ).where(
            AccessRequest.id == request_id,
            AccessRequest.status == RequestStatus.APPROVED,
            AccessRequest.ends_at > clock.now(),
        )
    ).first()
    if row is None or row.ends_at is None:
        return None
    if not roles_of(session, row.requester_id) & SCENARIOS[row.scenario]:
        return None
    if fitness.lacking(session, row.requester_id):
        return None
    said = session.execute(
        select(AccessDecision.role, AccessDecision.approver_id).where(
            AccessDecision.request_id == request_id, AccessDecision.approved
        )
    ).all()
    people = {one.approver_id for one in said}
    if {one.role for one in said} != APPROVERS[row.level] or len(people) != len(said):
        return None
    if row.requester_id in people:
        return None
    return Confirmed(
        requester_id=row.requester_id,
        subject_kind=row.subject_kind,
        subject_ids=subject_ids(session, request_id),
        scenario=row.scenario.value,
        roles=tuple(sorted(one.role.value for one in said)),
        number=number_of(request_id),
        ends_at=row.ends_at,
    )


# --- reading -----------------------------------------------------------------------------------


def subject_ids(session: Session, request_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Return which records a request names."""
    return frozenset(session.scalars(_subjects(request_id)))


def _subjects(request_id: uuid.UUID) -> Select[uuid.UUID]:
    return select(AccessRequestSubject.subject_id).where(
        AccessRequestSubject.request_id == request_id
    )


def decisions(session: Session, request_id: uuid.UUID) -> list[AccessDecision]:
    """Return what approvers said, the first in front."""
    return list(
        session.scalars(
            select(AccessDecision)
            .where(AccessDecision.request_id == request_id)
            .order_by(AccessDecision.at, AccessDecision.id)
        )
    )


def get(session: Session, account_id: uuid.UUID, request_id: uuid.UUID) -> AccessRequest:
    """Return one's own request, or one whose approver or auditor one is; else `RequestUnknown`."""
    row = session.get(AccessRequest, request_id)
    if row is None:
        raise RequestUnknown
    watch = APPROVERS[row.level] | {Role.AUDITOR}
    if row.requester_id != account_id and not roles_of(session, account_id) & watch:
        raise RequestUnknown
    return row


def listed(
    session: Session,
    account_id: uuid.UUID,
    *,
    view: str = "",
    after: uuid.UUID | None = None,
    limit: int = PAGE,
) -> list[AccessRequest]:
    """Return requests, the newest first: waiting (for me), mine, or all that I may see."""
    query = select(AccessRequest)
    held = roles_of(session, account_id)
    levels = [level for level, roles in APPROVERS.items() if held & (roles | {Role.AUDITOR})]
    if view == "waiting":
        query = query.where(_waiting_for(account_id, held))
    elif view == "mine":
        query = query.where(AccessRequest.requester_id == account_id)
    else:
        query = query.where(
            or_(AccessRequest.requester_id == account_id, AccessRequest.level.in_(levels))
        )
    if after is not None:
        query = query.where(AccessRequest.id < after)
    return list(session.scalars(query.order_by(AccessRequest.id.desc()).limit(limit)))


def _waiting_for(account_id: uuid.UUID, held: frozenset[Role]) -> ColumnElement[bool]:
    said = and_(AccessDecision.request_id == AccessRequest.id, AccessDecision.approved)
    needed = [
        and_(AccessRequest.level == level, ~exists().where(said, AccessDecision.role == role))
        for level, roles in APPROVERS.items()
        for role in roles & held
    ]
    return and_(
        AccessRequest.status == RequestStatus.WAITING,
        AccessRequest.requester_id != account_id,
        ~exists().where(said, AccessDecision.approver_id == account_id),
        or_(*needed) if needed else AccessRequest.level < 0,
    )


def waiting_counts(session: Session, account_id: uuid.UUID, overdue: timedelta) -> tuple[int, int]:
    """Return how many requests wait for this person's word, and how many longer than *overdue*."""
    condition = _waiting_for(account_id, roles_of(session, account_id))
    late = AccessRequest.asked_at < clock.now() - overdue
    found = session.execute(select(func.count(), func.count().filter(late)).where(condition)).one()
    return found[0], found[1]
