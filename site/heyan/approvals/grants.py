"""Standing grants of L2: a role sees contact data in one scenario, for 90 days at most (Q3, L-06).

An administrator proposes, a privacy officer who is another person decides; a grant ends by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import REALM_OF, SCENARIOS, Permission, Realm, Role, Scenario, allowed
from heyan.accounts import service as accounts
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.approvals.models import GrantStatus, StandingGrant
from heyan.approvals.states import move_grant
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications.service import notify

LONGEST_DAYS = 90


class NotGranted(Exception):
    """Contact data stays masked; ``missing`` is account | role | grant, whichever is lacking."""

    def __init__(self, scenario: Scenario, missing: str) -> None:
        super().__init__(f"{scenario.value}: no {missing}")
        self.scenario = scenario
        self.missing = missing


class GrantUnknown(Exception):
    """There is no such grant."""


class GrantRefused(Exception):
    """No such role in this scenario, too many days, or the same is proposed already."""


class SamePerson(Exception):
    """One human would be asking and approving, or approving twice."""


class NotApprover(Exception):
    """The actor does not hold the role whose word is needed (at this moment)."""


# --- asking --------------------------------------------------------------------------------


def roles_of(session: Session, account_id: uuid.UUID | None) -> frozenset[Role]:
    """Return the staff roles that an active account holds now; none for any other account."""
    rows = session.scalars(
        select(AccountRole.role)
        .join(Account, Account.id == AccountRole.account_id)
        .where(
            AccountRole.account_id == account_id,
            Account.status == AccountStatus.ACTIVE,
            Account.realm == Realm.STAFF,
        )
    )
    return frozenset(role for role in rows if REALM_OF[role] is Realm.STAFF)


def live_condition(moment: datetime) -> ColumnElement[bool]:
    """Return the condition for a grant that counts at *moment*."""
    return and_(StandingGrant.status == GrantStatus.APPROVED, StandingGrant.ends_at > moment)


def missing(session: Session, account_id: uuid.UUID | None, scenario: Scenario) -> str | None:
    """Return what *account_id* lacks to see contact data: account, role or grant; else None.

    Read from the database each time, so a role or a grant that was taken counts at once (C-51).
    """
    held = roles_of(session, account_id)
    if not held:
        return "account"
    fitting = held & SCENARIOS[scenario]
    if not fitting:
        return "role"
    found = session.scalars(
        select(StandingGrant.id)
        .where(
            StandingGrant.scenario == scenario,
            StandingGrant.role.in_(fitting),
            live_condition(clock.now()),
        )
        .limit(1)
    ).first()
    return None if found is not None else "grant"


def granted(session: Session, account_id: uuid.UUID | None, scenario: Scenario) -> bool:
    """Tell whether *account_id* may see contact data in *scenario* at this moment."""
    return missing(session, account_id, scenario) is None


def require_grant(session: Session, account_id: uuid.UUID | None, scenario: Scenario) -> None:
    """Raise `NotGranted`, which says what is missing, unless a live grant covers the account."""
    lacking = missing(session, account_id, scenario)
    if lacking is not None:
        raise NotGranted(scenario, lacking)


# --- the life of a grant -------------------------------------------------------------------


def propose(
    session: Session, actor: Actor, *, role: Role, scenario: Scenario, purpose: str, days: int
) -> StandingGrant:
    """Propose a grant; it counts once a privacy officer approves it. Raises `GrantRefused`."""
    if actor.id is None or role not in SCENARIOS[scenario] or not 1 <= days <= LONGEST_DAYS:
        raise GrantRefused
    _need(session, actor, Permission.GRANTS_PROPOSE)
    row = StandingGrant(
        role=role,
        scenario=scenario,
        purpose=purpose,
        days=days,
        status=GrantStatus.PROPOSED,
        proposed_by=actor.id,
        proposed_at=clock.now(),
    )
    try:
        with transaction(session):
            session.add(row)
            session.flush()
            record(
                session, actor, "grants.propose", "grant", row.id,
                role=role.value, scenario=scenario.value, days=days,
            )  # fmt: skip
            tell(session, Role.PRIVACY_OFFICER, "grant_proposed", apart=actor.id, grant_id=row.id)
    except IntegrityError as error:
        session.rollback()
        raise GrantRefused from error
    return row


def decide(
    session: Session,
    actor: Actor,
    grant_id: uuid.UUID,
    *,
    approve: bool,
    reason: str = "",
    browser: Sequence[str] = (),
) -> StandingGrant:
    """Approve or refuse a proposed grant, as another human than who proposed it.

    Raises `GrantUnknown`, `NotNow`, `NotApprover` and `SamePerson`; of 50 at once, one succeeds.
    """
    with transaction(session):
        row = _locked(session, grant_id)
        _need(session, actor, Permission.GRANTS_APPROVE)
        if accounts.same_human(session, actor.id, row.proposed_by, browser=browser):
            raise SamePerson
        row.status = move_grant(
            row.status, GrantStatus.APPROVED if approve else GrantStatus.REFUSED
        )
        moment = clock.now()
        row.decided_by, row.decided_at, row.decision_reason = actor.id, moment, reason or None
        if approve:
            row.ends_at = moment + timedelta(days=row.days)
        record(
            session, actor, "grants.approve" if approve else "grants.refuse", "grant", row.id,
            role=row.role.value, scenario=row.scenario.value,
        )  # fmt: skip
        kind = "grant_approved" if approve else "grant_refused"
        notify(session, row.proposed_by, kind, grant_id=row.id)
        return row


def revoke(session: Session, actor: Actor, grant_id: uuid.UUID) -> StandingGrant:
    """End a grant at once: one person may, since it only takes away (C-51)."""
    with transaction(session):
        row = _locked(session, grant_id)
        held = roles_of(session, actor.id)
        if not any(
            allowed(held, p) for p in (Permission.GRANTS_PROPOSE, Permission.GRANTS_APPROVE)
        ):
            raise NotApprover
        row.status = move_grant(row.status, GrantStatus.REVOKED)
        row.revoked_by, row.revoked_at = actor.id, clock.now()
        record(session, actor, "grants.revoke", "grant", row.id, scenario=row.scenario.value)
        return row


def _need(session: Session, actor: Actor, permission: Permission) -> None:
    if not allowed(roles_of(session, actor.id), permission):
        raise NotApprover


def _locked(session: Session, grant_id: uuid.UUID) -> StandingGrant:
    row = session.get(StandingGrant, grant_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise GrantUnknown
    return row


def tell(
    session: Session, role: Role, kind: str, *, apart: uuid.UUID | None = None, **ids: object
) -> None:
    """Leave a notice for every active holder of *role* but *apart*."""
    holders = session.scalars(
        select(Account.id)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(AccountRole.role == role, Account.status == AccountStatus.ACTIVE)
        .distinct()
    ).all()
    for account_id in holders:
        if account_id != apart:
            notify(session, account_id, kind, **ids)


# --- reading -------------------------------------------------------------------------------


def get(session: Session, grant_id: uuid.UUID) -> StandingGrant:
    """Return one grant; raises `GrantUnknown`."""
    row = session.get(StandingGrant, grant_id)
    if row is None:
        raise GrantUnknown
    return row


def listed(
    session: Session, *, after: uuid.UUID | None = None, limit: int = 50
) -> list[StandingGrant]:
    """Return grants, the newest first."""
    query = select(StandingGrant)
    if after is not None:
        query = query.where(StandingGrant.id < after)
    return list(session.scalars(query.order_by(StandingGrant.id.desc()).limit(limit)))


def live_until(session: Session) -> dict[tuple[Role, Scenario], datetime]:
    """Return until when each role × scenario is granted, for those that are."""
    rows = session.execute(
        select(StandingGrant.role, StandingGrant.scenario, func.max(StandingGrant.ends_at))
        .where(live_condition(clock.now()))
        .group_by(StandingGrant.role, StandingGrant.scenario)
    )
    return {(role, scenario): ends for role, scenario, ends in rows if ends is not None}


def waiting_count(session: Session) -> int:
    """Return how many proposals wait for a privacy officer."""
    rows = select(func.count()).where(StandingGrant.status == GrantStatus.PROPOSED)
    return session.scalar(rows) or 0
