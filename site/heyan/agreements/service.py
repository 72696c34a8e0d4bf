"""The verbs of agreements: propose, activate (two people), suspend, end; and whether one stands.

Sources: REQUIREMENTS K2, K3; CONTROLS S-034, S-104, L-12, L-28, Q21.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, undefer

from heyan import clock
from heyan.accounts import service as accounts
from heyan.agreements.models import (
    Agreement,
    AgreementBreach,
    AgreementDocument,
    AgreementStatus,
)
from heyan.agreements.pdfs import MAX_PDF_BYTES, PdfRefused, check_pdf
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.organizations.models import Organization

__all__ = ["MAX_PDF_BYTES", "PdfRefused", "check_pdf"]

PAGE = 50
ORGANIZER = "organizer"
KINDS = (ORGANIZER, "logistics", "sms", "mail", "hosting", "payment")
ROLES = ("independent", "joint", "entrusted")
# Each is needed (PIPL 21; 网络数据安全管理条例 on incidents reported in time: L-28).
CLAUSES = (
    "confidentiality",
    "purpose_limit",
    "reports_incidents",
    "returns_data",
    "no_subprocessor",
)
EXPIRES_SOON = timedelta(days=60)
S = AgreementStatus


class NoAgreement(Exception):
    """The party has no agreement that binds it now: nothing may be handed to it."""


class AgreementUnknown(Exception):
    """There is no such agreement."""


class SamePerson(Exception):
    """Who proposed (or suspended) an agreement cannot be who lets it count."""


class NotNow(Exception):
    """The agreement is not in a state in which this can be done."""


class Incomplete(Exception):
    """The agreement lacks a clause, or its signed document: it cannot bind."""


@dataclass(frozen=True)
class Terms:
    """What is written down of an agreement; dates in UTC, *valid_until* exclusive."""

    kind: str
    party: str
    role: str
    clauses: Sequence[str]
    valid_from: datetime
    valid_until: datetime
    organization_id: uuid.UUID | None = None


def binding(at: datetime) -> ColumnElement[bool]:
    """Return the condition for an agreement that binds at *at*; every clause is needed."""
    return and_(
        Agreement.status == S.ACTIVE,
        Agreement.valid_from <= at,
        Agreement.valid_until > at,
        Agreement.clauses.contains(list(CLAUSES)),
    )


def valid(session: Session, organization_id: uuid.UUID, at: datetime | None = None) -> bool:
    """Tell whether an organizer is bound at *at* (now by default)."""
    asked = exists().where(Agreement.organization_id == organization_id, binding(at or clock.now()))
    return bool(session.scalar(select(asked)))


def require_valid(session: Session, organization_id: uuid.UUID, at: datetime | None = None) -> None:
    """Raise `NoAgreement` unless the organizer is bound at *at* (now by default)."""
    if not valid(session, organization_id, at):
        raise NoAgreement


def provider_bound(session: Session, kind: str, at: datetime | None = None) -> bool:
    """Tell whether some provider of *kind* is bound at *at* (now by default)."""
    asked = exists().where(Agreement.kind == kind, binding(at or clock.now()))
    return bool(session.scalar(select(asked)))


def propose(session: Session, actor: Actor, terms: Terms, pdf: bytes) -> Agreement:
    """Write down an agreement that does not bind before a second person activates it.

    Raises `PdfRefused`, and `ValueError` for terms that are none of ours.
    """
    if (
        actor.id is None
        or terms.kind not in KINDS
        or terms.role not in ROLES
        or not set(terms.clauses) <= set(CLAUSES)
        or terms.valid_until <= terms.valid_from
        or (terms.kind == ORGANIZER) != (terms.organization_id is not None)
    ):
        raise ValueError(terms.kind)
    check_pdf(pdf)
    moment = clock.now()
    with transaction(session):
        party = terms.party
        if terms.organization_id is not None:
            party = session.get_one(Organization, terms.organization_id).name
        row = Agreement(
            kind=terms.kind,
            organization_id=terms.organization_id,
            party=party,
            role=terms.role,
            clauses=sorted(terms.clauses),
            valid_from=terms.valid_from,
            valid_until=terms.valid_until,
            status=S.PROPOSED,
            proposed_by=actor.id,
            proposed_at=moment,
        )
        session.add(row)
        session.flush()
        session.add(
            AgreementDocument(
                agreement_id=row.id,
                content=base64.b64encode(pdf).decode(),
                size=len(pdf),
                sha256=hashlib.sha256(pdf).digest(),
                uploaded_by=actor.id,
                uploaded_at=moment,
            )
        )
        record(
            session,
            actor,
            "agreements.propose",
            "agreement",
            row.id,
            kind=row.kind,
            organization_id=row.organization_id,
            clauses=row.clauses,
        )
    return row


def activate(
    session: Session, actor: Actor, agreement_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> Agreement:
    """Let an agreement count, as somebody else than who proposed it.

    Raises `AgreementUnknown`, `NotNow`, `SamePerson`, and `Incomplete` for one that lacks a clause
    or its document.
    """
    with transaction(session):
        row = _locked(session, agreement_id)
        if row.status is not S.PROPOSED or row.valid_until <= clock.now():
            raise NotNow
        if accounts.same_human(session, actor.id, row.proposed_by, browser=browser):
            raise SamePerson
        if missing(row.clauses) or session.get(AgreementDocument, row.id) is None:
            raise Incomplete
        row.status, row.approved_by, row.approved_at = S.ACTIVE, actor.id, clock.now()
        record(session, actor, "agreements.activate", "agreement", row.id)
    return row


def suspend(session: Session, actor: Actor, agreement_id: uuid.UUID, reason: str) -> Agreement:
    """Stop an agreement from counting at once: one person may, since it only takes away."""
    with transaction(session):
        row = _locked(session, agreement_id)
        if row.status is not S.ACTIVE:
            raise NotNow
        row.status, row.suspended_by, row.suspended_at = S.SUSPENDED, actor.id, clock.now()
        record(session, actor, "agreements.suspend", "agreement", row.id, reason=reason)
    return row


def resume(
    session: Session, actor: Actor, agreement_id: uuid.UUID, *, browser: Sequence[str] = ()
) -> Agreement:
    """Let a suspended agreement count again, as somebody else than who suspended it."""
    with transaction(session):
        row = _locked(session, agreement_id)
        if row.status is not S.SUSPENDED:
            raise NotNow
        if accounts.same_human(session, actor.id, row.suspended_by, browser=browser):
            raise SamePerson
        row.status = S.ACTIVE
        record(session, actor, "agreements.resume", "agreement", row.id)
    return row


def end(session: Session, actor: Actor, agreement_id: uuid.UUID) -> Agreement:
    """End an agreement (or take a proposal back); a deletion confirmation is due from now on."""
    with transaction(session):
        row = _locked(session, agreement_id)
        if row.status is S.ENDED:
            raise NotNow
        row.status, row.ended_at = S.ENDED, clock.now()
        record(session, actor, "agreements.end", "agreement", row.id)
    return row


def confirm_deletion(session: Session, actor: Actor, agreement_id: uuid.UUID) -> Agreement:
    """Note that the party confirmed in writing that it kept nothing (L-12); `NotNow` before."""
    with transaction(session):
        row = _locked(session, agreement_id)
        over = row.status is S.ENDED or row.valid_until <= clock.now()
        if not over or row.approved_at is None or row.deletion_confirmed_at is not None:
            raise NotNow
        row.deletion_confirmed_by, row.deletion_confirmed_at = actor.id, clock.now()
        record(session, actor, "agreements.confirm_deletion", "agreement", row.id)
    return row


def add_breach(
    session: Session,
    actor: Actor,
    agreement_id: uuid.UUID,
    *,
    happened_at: datetime,
    what: str,
    measures: str,
) -> AgreementBreach:
    """Write down a breach; whether the agreement is suspended is decided apart."""
    if actor.id is None:
        raise ValueError("a breach is recorded by a person")
    with transaction(session):
        row = _locked(session, agreement_id)
        breach = AgreementBreach(
            agreement_id=row.id,
            happened_at=happened_at,
            what=what,
            measures=measures,
            recorded_by=actor.id,
            recorded_at=clock.now(),
        )
        session.add(breach)
        record(session, actor, "agreements.breach", "agreement", row.id)
    return breach


def document(session: Session, actor: Actor, agreement_id: uuid.UUID) -> bytes:
    """Return the signed PDF and record that it was read; raises `AgreementUnknown`."""
    with transaction(session):
        row = session.get(AgreementDocument, agreement_id, options=[undefer(_CONTENT)])
        if row is None:
            raise AgreementUnknown
        record(session, actor, "agreements.read_document", "agreement", agreement_id)
        return base64.b64decode(row.content)


_CONTENT = AgreementDocument.content


# --- reading ----------------------------------------------------------------------------------


def missing(clauses: Iterable[str]) -> list[str]:
    """Return the clauses that an agreement lacks."""
    there = set(clauses)
    return [clause for clause in CLAUSES if clause not in there]


def get(session: Session, agreement_id: uuid.UUID) -> tuple[Agreement, AgreementDocument | None]:
    """Return one agreement with what is known of its document; raises `AgreementUnknown`."""
    row = session.get(Agreement, agreement_id)
    if row is None:
        raise AgreementUnknown
    return row, session.get(AgreementDocument, agreement_id)


def breaches(session: Session, agreement_id: uuid.UUID) -> list[AgreementBreach]:
    """Return an agreement's breaches, the newest first (200 at most)."""
    return list(
        session.scalars(
            select(AgreementBreach)
            .where(AgreementBreach.agreement_id == agreement_id)
            .order_by(AgreementBreach.id.desc())
            .limit(200)
        )
    )


def listed(
    session: Session, *, state: str = "", after: uuid.UUID | None = None, limit: int = PAGE
) -> list[Agreement]:
    """Return agreements, the newest first; *state* narrows to what `STATES` names."""
    query = select(Agreement)
    if (condition := _state(state)) is not None:
        query = query.where(condition)
    if after is not None:
        query = query.where(Agreement.id < after)
    return list(session.scalars(query.order_by(Agreement.id.desc()).limit(limit)))


STATES = ("waiting", "bound", "ending", "suspended", "over", "deletion_due")


def _state(state: str) -> ColumnElement[bool] | None:
    moment = clock.now()
    over = or_(Agreement.status == S.ENDED, Agreement.valid_until <= moment)
    return {
        "waiting": Agreement.status == S.PROPOSED,
        "bound": binding(moment),
        "ending": and_(binding(moment), Agreement.valid_until <= moment + EXPIRES_SOON),
        "suspended": Agreement.status == S.SUSPENDED,
        "over": over,
        "deletion_due": and_(
            over, Agreement.approved_at.is_not(None), Agreement.deletion_confirmed_at.is_(None)
        ),
    }.get(state)


def count(session: Session, state: str) -> int:
    """Return how many agreements are in one of `STATES`."""
    condition = _state(state)
    if condition is None:
        raise ValueError(state)
    return session.scalar(select(func.count()).select_from(Agreement).where(condition)) or 0


def unbound_organizers(session: Session) -> list[tuple[uuid.UUID, str]]:
    """Return the active organizers that nothing may be handed to now (200 at most)."""
    bound = exists().where(Agreement.organization_id == Organization.id, binding(clock.now()))
    rows = session.execute(
        select(Organization.id, Organization.name)
        .where(Organization.active, ~bound)
        .order_by(Organization.name)
        .limit(200)
    )
    return [(row[0], row[1]) for row in rows]


def _locked(session: Session, agreement_id: uuid.UUID) -> Agreement:
    row = session.get(Agreement, agreement_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise AgreementUnknown
    return row
