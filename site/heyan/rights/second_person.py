"""What takes a ground, a notice beforehand or a second person: refusals, fees, next of kin."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts import service as accounts
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.rights.models import RefusalGround, RightsApproval, RightsKind, RightsState
from heyan.rights.requests import (
    NoGround,
    NotChecked,
    NotRepeated,
    NotTold,
    SamePerson,
    close_request,
    load,
    open_request,
    repeated,
    tell_officers,
)
from heyan.rights.states import WrongState, move


def propose_refusal(
    session: Session,
    actor: Actor,
    request_id: uuid.UUID,
    ground: RefusalGround | None,
    words: str,
) -> None:
    """Propose to refuse, on one of the seven grounds, with the text that will be sent.

    Raises `NotChecked`, `NoGround`, `WrongState`.
    """
    if ground is None or not words.strip():
        raise NoGround
    with transaction(session):
        request = open_request(session, request_id)
        if request.checked_at is None:
            raise NotChecked
        request.state = move(request.state, RightsState.REFUSING)
        request.refusal_ground = ground
        request.answer = words
        request.refusal_by = actor.id
        record(
            session, actor, "rights.propose_refusal", "rights_request", request.id,
            ground=ground.value,
        )  # fmt: skip
        tell_officers(session, "rights_refusal", request)


def confirm_refusal(
    session: Session, actor: Actor, request_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> None:
    """Confirm a refusal that somebody else proposed; it is sent. Raises `SamePerson`."""
    with transaction(session):
        request = load(session, request_id, lock=True)
        if request.state is not RightsState.REFUSING:
            raise WrongState(request.state.value)
        if accounts.same_human(session, actor.id, request.refusal_by, browser=browser):
            raise SamePerson
        request.refusal_confirmed_by = actor.id
        request.state = move(request.state, RightsState.REFUSED)
        close_request(session, actor, request, request.answer or "")


def drop_refusal(session: Session, actor: Actor, request_id: uuid.UUID) -> None:
    """Do not refuse after all: the request goes on. Raises `WrongState`."""
    with transaction(session):
        request = load(session, request_id, lock=True)
        request.state = move(request.state, RightsState.OPEN)
        request.refusal_ground = request.answer = request.refusal_by = None
        record(session, actor, "rights.drop_refusal", "rights_request", request.id)


def tell_fee(session: Session, actor: Actor, request_id: uuid.UUID) -> None:
    """Tell the person beforehand that a repeated request may cost what it costs.

    Raises `NotRepeated` for the first request (S-069), `WrongState`.
    """
    with transaction(session):
        request = open_request(session, request_id)
        if not repeated(session, request):
            raise NotRepeated
        request.fee_told_at = clock.now()
        record(
            session, actor, "rights.tell_fee", "rights_request", request.id,
            repeated=repeated(session, request),
        )  # fmt: skip
        if request.account_id:
            notify(session, request.account_id, "rights_fee", rights_request_id=request.id)


def charge_fee(
    session: Session, actor: Actor, request_id: uuid.UUID, fen: int, cost_record: str
) -> None:
    """Record what a repeated request cost. Raises `NotRepeated`, `NotTold`, `WrongState`."""
    with transaction(session):
        request = open_request(session, request_id)
        if not repeated(session, request):
            raise NotRepeated
        if request.fee_told_at is None:
            raise NotTold
        request.fee_fen = fen
        request.fee_record = cost_record
        record(
            session, actor, "rights.charge_fee", "rights_request", request.id,
            fen=fen, repeated=repeated(session, request),
        )  # fmt: skip


def approve_kin(
    session: Session, actor: Actor, request_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> None:
    """Approve a next of kin's request, after death and kinship were checked.

    Neither who took the request nor who checked may approve it. Raises `SamePerson` (also for a
    second approval of the same person), `NotChecked`, `WrongState`.
    """
    with transaction(session):
        request = open_request(session, request_id)
        if request.kind is not RightsKind.NEXT_OF_KIN:
            raise WrongState(request.kind.value)
        if request.checked_at is None or not request.proof:
            raise NotChecked
        # The request's row is held: two clicks come one after the other.
        before = session.scalars(
            select(RightsApproval.account_id).where(RightsApproval.request_id == request_id)
        ).all()
        for other in (request.received_by, request.checked_by, *before):
            # Who took it is nobody when it came by the page; whoever it was, they are another.
            if actor.id is None or (
                other is not None and accounts.same_human(session, actor.id, other, browser=browser)
            ):
                raise SamePerson
        session.add(RightsApproval(request_id=request_id, account_id=actor.id, at=clock.now()))
        record(session, actor, "rights.approve_kin", "rights_request", request.id)
