"""Colleagues and organizers' members with a session each, past the doors."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyrage

from heyan import clock
from heyan.access import REALM_OF, Realm, Role
from heyan.accounts import people, sessions
from heyan.accounts.models import Account
from heyan.audit.service import OPERATOR, Actor
from heyan.organizations.models import Organization
from heyan.releases import recipients
from heyan.releases.models import Recipient
from tests.agreements import bind
from tests.enrolment import Person, World
from tests.oversight import train


@dataclass
class Colleague(Person):
    """Somebody at work: a browser that runs no script, and who acts in its requests."""

    role: Role = Role.SERVICE

    @property
    def actor(self) -> Actor:
        """Who acts, for verbs called without a request."""
        return Actor(REALM_OF[self.role].value, self.account_id)


def colleague(
    world: World,
    role: Role,
    *,
    organization_id: uuid.UUID | None = None,
    name: str | None = None,
    stepped_up: bool = True,
    staff_number: str = "",
) -> Colleague:
    """Let somebody in with *role*, with a fresh second factor unless said otherwise."""
    with world.session() as session:
        issued = people.invite(
            session,
            OPERATOR,
            realm=REALM_OF[role],
            login=f"c{uuid.uuid4().hex[:12]}",
            name=name or f"同事{uuid.uuid4().hex[:6]}",
            roles=[role],
            organization_id=organization_id,
            staff_number=staff_number,
        )
        if REALM_OF[role] is Realm.STAFF:
            train(session, issued.account_id)
        account = session.get_one(Account, issued.account_id)
        token = sessions.begin(
            session, world.settings, account, complete=True, source="192.0.2.9", user_agent="test"
        )
        if stepped_up:
            here = sessions.load(session, world.settings, token)
            assert here is not None
            token = sessions.rotate(session, here.id, complete=False, step_up=True)
    client = world.app.test_client()
    client.set_cookie("heyan_session", token, domain="localhost")
    return Colleague(client, issued.account_id, token, role)


def organization(world: World, name: str | None = None) -> Organization:
    """An organizer that is active."""
    with world.session() as session:
        row = Organization(
            name=name or f"主办{uuid.uuid4().hex[:10]}",
            contact="010-88880000",
            processing_role="independent",
            active=True,
            created_at=clock.now(),
        )
        session.add(row)
        session.flush()
        bind(session, row.id)
        session.commit()
        return row


def proven_recipient(world: World, organization_id: uuid.UUID) -> Recipient:
    """A key that its owner has shown to open."""
    owner = colleague(world, Role.ORGANIZER_OWNER, organization_id=organization_id)
    identity = pyrage.x25519.Identity.generate()
    with world.session() as session:
        row = recipients.propose(
            session, owner.actor, organization_id, str(identity.to_public()), "primary"
        )
        opened = pyrage.decrypt(base64.b64decode(row.challenge or ""), [identity])
        return recipients.prove(session, owner.actor, organization_id, row.id, opened.hex())


def event_form(organization_id: uuid.UUID, **changes: Any) -> dict[str, str]:
    """What somebody types to describe an event."""
    today = clock.local(clock.now())
    days = {"opens_at": 0, "closes_at": 5, "documents_until": 10, "starts_at": 20, "ends_at": 21}
    times = {
        name: f"{today + timedelta(days=count):%Y-%m-%dT%H:%M}" for name, count in days.items()
    }
    return {
        "organization_id": str(organization_id),
        "kind": "exam",
        "title": "普通话水平测试",
        "slug": f"putonghua-{uuid.uuid4().hex[:8]}",
        "number_prefix": "PTH",
        "fee": "25.50",
        "capacity": "300",
        "batch_every_hours": "24",
        "batch_at_documents": "500",
        **times,
        **changes,
    }
