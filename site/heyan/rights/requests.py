"""The record of a request and its clock: receive, acknowledge, check, answer, refuse, close.

The page and the staff's desk write the same rows (S-050). What a request asks for is carried out
by the modules beside this one.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import GRANTS, Permission
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.oversight import alerts
from heyan.rights import workdays
from heyan.rights.models import (
    DeletionGround,
    RightsApproval,
    RightsChannel,
    RightsCheck,
    RightsKind,
    RightsRequest,
    RightsState,
)
from heyan.rights.states import WrongState, move

ACKNOWLEDGE_DAYS = 1
CORRECTION_DAYS = 5
OTHER_DAYS = 15
# A second request for the same within this time may cost what it costs (S-069).
REPEATED_WITHIN = timedelta(days=180)
APPROVERS = 2
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


class RequestUnknown(Exception):
    """There is no such request, or it is somebody else's."""


class NotChecked(Exception):
    """Nobody made sure yet who asks (S-068)."""


class NoGround(Exception):
    """A refusal names one of the seven grounds and says so in words (S-045, S-071)."""


class SamePerson(Exception):
    """Who proposed it cannot confirm it, and nobody counts twice."""


class NotRepeated(Exception):
    """The first request costs nothing (S-069)."""


class NotTold(Exception):
    """A fee is told of before it is charged."""


class NotApproved(Exception):
    """Two colleagues approve a next of kin's request before anything is done (L-21)."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody asks for, as the page or a colleague wrote it down."""

    kind: RightsKind
    channel: RightsChannel = RightsChannel.WEB
    account_id: uuid.UUID | None = None
    student_id: uuid.UUID | None = None
    registration_id: uuid.UUID | None = None
    subject: str | None = None
    ground: DeletionGround | None = None
    words: str = ""
    reply_to: str | None = None
    wanted: str | None = None
    # The page: whoever is signed in, with a fresh second step where that is needed.
    signed_in: bool = False


def new_number() -> str:
    """Return a number to ask with: 12 characters, 59 bits, none of them easily mistaken."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(12))
    return f"Q-{text[:4]}-{text[4:8]}-{text[8:]}"


def receive(session: Session, actor: Actor, asked: Asked) -> RightsRequest:
    """Write a request down and start its clock.

    Explanations and complaints need no identity: they get no personal data for an answer.
    """
    moment = clock.now()
    days = CORRECTION_DAYS if asked.kind is RightsKind.CORRECT else OTHER_DAYS
    due = workdays.after(moment, days)
    check = None
    if asked.signed_in:
        check = RightsCheck.SIGNED_IN
    elif asked.kind in (RightsKind.EXPLAIN, RightsKind.COMPLAINT):
        check = RightsCheck.NOT_NEEDED
    with transaction(session):
        request = RightsRequest(
            number=new_number(),
            kind=asked.kind,
            channel=asked.channel,
            state=RightsState.OPEN,
            account_id=asked.account_id,
            student_id=asked.student_id,
            registration_id=asked.registration_id,
            subject=asked.subject,
            ground=asked.ground,
            words=asked.words,
            reply_to=asked.reply_to,
            wanted=asked.wanted,
            received_at=moment,
            received_by=actor.id if actor.kind == "staff" else None,
            acknowledge_by=workdays.after(moment, ACKNOWLEDGE_DAYS).at,
            due_at=due.at,
            due_provisional=due.provisional,
            checked_at=moment if check else None,
            check=check,
        )
        session.add(request)
        session.flush()
        record(
            session, actor, "rights.receive", "rights_request", request.id,
            kind=asked.kind.value, channel=asked.channel.value, account_id=asked.account_id,
            ground=asked.ground.value if asked.ground else None,
        )  # fmt: skip
        if asked.ground is DeletionGround.UNLAWFUL:
            # Somebody says that we broke the law: the privacy officer has four hours (S-051).
            request.escalated_at = moment
            tell_officers(session, "rights_unlawful", request)
            alerts.raise_unlawful(session, actor, request.id)
        return request


def finish(session: Session, actor: Actor, request: RightsRequest, answer: str = "") -> None:
    """Close a request as done, in the caller's transaction; what proved who asked goes (S-068).

    Raises `NotChecked`, `NotApproved`, `WrongState`.
    """
    if request.checked_at is None:
        raise NotChecked
    if request.kind is RightsKind.NEXT_OF_KIN and approvals(session, request.id) < APPROVERS:
        raise NotApproved
    request.state = move(request.state, RightsState.DONE)
    close_request(session, actor, request, answer)


def close_request(session: Session, actor: Actor, request: RightsRequest, answer: str) -> None:
    """Close a request whose state was set, in the caller's transaction; its proof goes."""
    moment = clock.now()
    request.acknowledged_at = request.acknowledged_at or moment
    request.answer = answer or None
    request.answered_by = actor.id if actor.kind == "staff" else None
    request.closed_at = moment
    request.proof = None
    # The value asked for now stands where it belongs, or nowhere: "changed" is all that stays.
    request.wanted = None
    record(
        session, actor, "rights.close", "rights_request", request.id,
        kind=request.kind.value, state=request.state.value, in_time=moment <= request.due_at,
    )  # fmt: skip
    if (request.account_id and request.channel is not RightsChannel.WEB) or answer:
        _tell(session, request)
    session.flush()


def _tell(session: Session, request: RightsRequest) -> None:
    if request.account_id is None:
        return
    state = session.scalar(select(Account.status).where(Account.id == request.account_id))
    if state is AccountStatus.ACTIVE:
        kind = "rights_refused" if request.state is RightsState.REFUSED else "rights_answered"
        notify(session, request.account_id, kind, rights_request_id=request.id)


def tell_officers(session: Session, kind: str, request: RightsRequest) -> None:
    """Leave a notice for everyone who may decide on refusals."""
    for account_id in _holders(session, Permission.RIGHTS_CONFIRM):
        notify(session, account_id, kind, rights_request_id=request.id)


def _holders(session: Session, permission: Permission) -> list[uuid.UUID]:
    roles = [role for role, held in GRANTS.items() if permission in held]
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role.in_(roles), Account.status == AccountStatus.ACTIVE)
            .distinct()
        )
    )


# --- the desk --------------------------------------------------------------------------------


def load(session: Session, request_id: uuid.UUID, *, lock: bool = False) -> RightsRequest:
    """Return a request for a colleague; raises `RequestUnknown`."""
    found = session.get(
        RightsRequest, request_id, with_for_update=lock or None, populate_existing=lock
    )
    if found is None:
        raise RequestUnknown
    return found


def own(session: Session, account_id: uuid.UUID, request_id: uuid.UUID) -> RightsRequest:
    """Return one of the account's own requests; raises `RequestUnknown`."""
    found = session.scalars(
        select(RightsRequest).where(
            RightsRequest.id == request_id, RightsRequest.account_id == account_id
        )
    ).first()
    if found is None:
        raise RequestUnknown
    return found


def own_all(session: Session, account_id: uuid.UUID) -> list[RightsRequest]:
    """Return the account's latest requests, the newest first."""
    return list(
        session.scalars(
            select(RightsRequest)
            .where(RightsRequest.account_id == account_id)
            .order_by(RightsRequest.received_at.desc(), RightsRequest.id.desc())
            .limit(50)
        )
    )


def by_number(session: Session, number: str) -> RightsRequest | None:
    """Return the request that a number stands for, however it was typed."""
    plain = "".join(char for char in number.upper() if char.isalnum()).removeprefix("Q")
    if len(plain) != 12:
        return None
    wanted = f"Q-{plain[:4]}-{plain[4:8]}-{plain[8:]}"
    return session.scalars(select(RightsRequest).where(RightsRequest.number == wanted)).first()


def queue(
    session: Session, *, view: str, after: uuid.UUID | None, limit: int
) -> list[RightsRequest]:
    """Return requests for the desk: what is due first, or of those closed the latest first."""
    query = select(RightsRequest)
    moment = clock.now()
    if view == "closed":
        query = query.where(RightsRequest.closed_at.is_not(None))
    else:
        query = query.where(RightsRequest.closed_at.is_(None))
    if view == "overdue":
        query = query.where(_late(moment))
    if view == "refusing":
        query = query.where(RightsRequest.state == RightsState.REFUSING)
    if after is not None:
        query = query.where(RightsRequest.id < after)
    return list(session.scalars(query.order_by(RightsRequest.id.desc()).limit(limit)))


def _late(moment: datetime):  # type: ignore[no-untyped-def] # SQLAlchemy's boolean clause
    return or_(
        RightsRequest.due_at < moment,
        RightsRequest.acknowledged_at.is_(None) & (RightsRequest.acknowledge_by < moment),
    )


def waiting(session: Session) -> tuple[int, int, int]:
    """Return how many requests are open, how many late, and how many refusals wait."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(_late(clock.now())),
            func.count().filter(RightsRequest.state == RightsState.REFUSING),
        ).where(RightsRequest.closed_at.is_(None))
    ).one()
    return int(row[0]), int(row[1]), int(row[2])


def repeated(session: Session, request: RightsRequest) -> int:
    """Return how many of the same kind this person asked for lately, before this one (S-069)."""
    if request.account_id is None:
        return 0
    return (
        session.scalar(
            select(func.count())
            .select_from(RightsRequest)
            .where(
                RightsRequest.account_id == request.account_id,
                RightsRequest.kind == request.kind,
                RightsRequest.id != request.id,
                RightsRequest.received_at >= request.received_at - REPEATED_WITHIN,
                RightsRequest.received_at <= request.received_at,
            )
        )
        or 0
    )


def acknowledge(session: Session, actor: Actor, request_id: uuid.UUID) -> None:
    """Say that the request was received; once is enough. Raises `WrongState` when it is closed."""
    with transaction(session):
        request = open_request(session, request_id)
        if request.acknowledged_at is not None:
            return
        request.acknowledged_at = clock.now()
        record(session, actor, "rights.acknowledge", "rights_request", request.id)
        if request.account_id:
            notify(session, request.account_id, "rights_received", rights_request_id=request.id)


def check_identity(
    session: Session, actor: Actor, request_id: uuid.UUID, how: RightsCheck, proof: str
) -> None:
    """Write down how it was made sure who asks. Raises `WrongState`, `SamePerson`.

    Of a next of kin's request this is one person's, and over once somebody approved: else who
    checked first could approve after another's second check (L-21).
    """
    with transaction(session):
        request = open_request(session, request_id)
        if request.kind is RightsKind.NEXT_OF_KIN:
            if approvals(session, request.id):
                raise WrongState(request.state.value)
            if request.checked_by not in (None, actor.id):
                raise SamePerson
        request.checked_at = clock.now()
        request.checked_by = actor.id
        request.check = how
        request.proof = proof
        record(session, actor, "rights.check_identity", "rights_request", request.id, how=how.value)


def answer(session: Session, actor: Actor, request_id: uuid.UUID, words: str) -> None:
    """Answer in writing and close. Raises `NotChecked`, `NotApproved`, `WrongState`."""
    with transaction(session):
        finish(session, actor, open_request(session, request_id), words)


def approvals(session: Session, request_id: uuid.UUID) -> int:
    """Return how many colleagues approved a next of kin's request."""
    return (
        session.scalar(
            select(func.count())
            .select_from(RightsApproval)
            .where(RightsApproval.request_id == request_id)
        )
        or 0
    )


def open_request(session: Session, request_id: uuid.UUID) -> RightsRequest:
    """Return an open request, held until the transaction ends. Raises `WrongState`."""
    request = load(session, request_id, lock=True)
    if request.state is not RightsState.OPEN:
        raise WrongState(request.state.value)
    return request
