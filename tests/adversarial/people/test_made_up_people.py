"""An administrator alone: makes up the second person, and lets that one agree."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from heyan.access import Realm, Role, Scenario
from heyan.accounts import people
from heyan.approvals import grants, requests
from heyan.approvals.grants import SamePerson
from heyan.audit.service import Actor
from tests.conftest import Clock
from tests.enrolment import Person, World
from tests.oversight import train
from tests.staff import Colleague, colleague


def made_up(world: World, by: Colleague, role: Role) -> Actor:
    """An account whose code *by* handed out, under a name of its own."""
    with world.session() as session:
        issued = people.invite(
            session, by.actor, realm=Realm.STAFF, login=f"m{uuid.uuid4().hex[:12]}",
            name=f"新人{uuid.uuid4().hex[:6]}", roles=[role],
        )  # fmt: skip
        # Their course and exam are made up as well.
        train(session, issued.account_id)
        session.commit()
        return Actor("staff", issued.account_id)


def test_nobody_makes_a_second_person_to_agree_with(
    world: World, person: Person, clock: Clock
) -> None:
    """C-50, SECURITY 30: a grant, an L3 and an L4 request, by one human with three accounts."""
    administrator = colleague(world, Role.ADMINISTRATOR)
    officer = made_up(world, administrator, Role.PRIVACY_OFFICER)
    clerk = made_up(world, administrator, Role.SERVICE)
    event = world.event()
    registration, document = map(uuid.UUID, person.submitted(event.slug))
    with world.session() as session:
        grant = grants.propose(
            session, administrator.actor,
            role=Role.SERVICE, scenario=Scenario.LEADS, purpose="日常工作", days=9,
        )  # fmt: skip
        with pytest.raises(SamePerson):
            grants.decide(session, officer, grant.id, approve=True)
        asked = [
            requests.ask(
                session, clerk, level=level, scenario=Scenario.REGISTRATIONS, subject_kind=kind,
                subject_ids=[subject], purpose="dispute", hours=1,
            ).id
            for level, kind, subject in (
                (3, "registration", registration), (4, "document", document),
            )
        ]  # fmt: skip
        for request_id in asked:
            for approver in (officer, administrator.actor):
                with pytest.raises((SamePerson, grants.NotApprover)):
                    requests.decide(session, approver, request_id, approve=True, reason="")
        # Three days later, everybody having seen the new names, they are people of their own.
        clock.move(timedelta(hours=72, seconds=1))
        grants.decide(session, officer, grant.id, approve=True)
        requests.decide(session, officer, asked[0], approve=True, reason="")
        grants.revoke(session, officer, grant.id)


def test_a_fresh_code_for_an_approver_makes_them_no_second_person(
    world: World, clock: Clock
) -> None:
    """C-50, C-35: who hands out a code for an approver's account does not meet them as another."""
    administrator = colleague(world, Role.ADMINISTRATOR)
    officer = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        people.reissue(
            session, administrator.actor, realm=Realm.STAFF, account_id=officer.account_id
        )
        grant = grants.propose(
            session, administrator.actor,
            role=Role.SERVICE, scenario=Scenario.RIGHTS, purpose="日常工作", days=9,
        )  # fmt: skip
        with pytest.raises(SamePerson):
            grants.decide(session, officer.actor, grant.id, approve=True)
        another = colleague(world, Role.PRIVACY_OFFICER)
        grants.decide(session, another.actor, grant.id, approve=True)
        grants.revoke(session, another.actor, grant.id)
