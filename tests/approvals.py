"""Builders of grants and requests, through the verbs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import Realm, Role, Scenario
from heyan.accounts import people
from heyan.accounts.models import Account
from heyan.approvals import grants
from heyan.approvals.models import GrantStatus, StandingGrant
from heyan.audit.service import OPERATOR, Actor
from tests.enrolment import World
from tests.oversight import train


def somebody(session: Session, role: Role) -> Actor:
    """A colleague in a test's world, made once a session."""
    known: dict[Role, uuid.UUID] = session.info.setdefault("approval_people", {})
    if role not in known or session.get(Account, known[role]) is None:
        issued = people.invite(
            session, OPERATOR, realm=Realm.STAFF, login=f"a{uuid.uuid4().hex[:12]}",
            name=f"审批{uuid.uuid4().hex[:6]}", roles=[role],
        )  # fmt: skip
        train(session, issued.account_id)
        known[role] = issued.account_id
    return Actor("staff", known[role])


def grant(session: Session, role: Role, scenario: Scenario, *, days: int = 90) -> StandingGrant:
    """Let *role* see contact data in *scenario* for *days*."""
    waiting = select(StandingGrant).where(
        StandingGrant.role == role,
        StandingGrant.scenario == scenario,
        StandingGrant.status == GrantStatus.PROPOSED,
    )
    # Another test may have left one undecided; there is only ever one.
    row = session.scalars(waiting).first() or grants.propose(
        session, somebody(session, Role.ADMINISTRATOR),
        role=role, scenario=scenario, purpose="日常工作", days=days,
    )  # fmt: skip
    return grants.decide(session, somebody(session, Role.PRIVACY_OFFICER), row.id, approve=True)


@contextmanager
def while_granted(world: World, role: Role, *scenarios: Scenario) -> Iterator[None]:
    """Grant for the length of a block and revoke after it: other tests share the role."""
    with world.session() as session:
        made = [grant(session, role, scenario).id for scenario in scenarios]
    try:
        yield
    finally:
        with world.session() as session:
            for grant_id in made:
                grants.revoke(session, somebody(session, Role.ADMINISTRATOR), grant_id)
