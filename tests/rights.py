"""What tests of rights share: a fresh second step, a hand-over, a request at the desk."""

from __future__ import annotations

import re
import uuid

from sqlalchemy import select, text

from heyan.accounts import sessions
from heyan.accounts.models import LoginSession
from heyan.documents.custody import note_step
from heyan.documents.models import CustodyStep
from tests.enrolment import Person, World
from tests.staff import Colleague
from tests.worker import submit
from uploads_worker import vault
from uploads_worker.context import Context

__all__ = ["fresh", "handed_over", "number_on", "received", "registered", "submit"]


def fresh(world: World, person: Person) -> Person:
    """Give *person* a session with a second step just given."""
    with world.session() as session:
        row = session.scalars(
            select(LoginSession)
            .where(LoginSession.account_id == person.account_id, LoginSession.revoked_at.is_(None))
            .order_by(LoginSession.created_at.desc())
        ).first()
        assert row is not None
        token = sessions.rotate(session, row.id, complete=False, step_up=True)
    person.client.set_cookie("heyan_session", token, domain="localhost")
    person.token = token
    return person


def registered(world: World, context: Context, person: Person) -> tuple[uuid.UUID, uuid.UUID]:
    """Submit a registration with one document as *person*; return both ids."""
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    registration, document = person.submitted(event.slug)
    return uuid.UUID(registration), uuid.UUID(document)


def handed_over(world: World, document_id: uuid.UUID) -> None:
    """Let a document have been given to its organizer."""
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE documents SET state = 'released' WHERE id = :d"), {"d": document_id}
        )
    with world.session() as session:
        note_step(session, document_id, CustodyStep.OFFERED)
        session.commit()


def received(staff: Colleague, **fields: str) -> str:
    """Write a request down at the desk and return its id."""
    sent = staff.post("/staff/rights/new", **{"channel": "phone", "words": "来电要求", **fields})
    assert sent.status_code == 303, sent.text[:2000]
    return sent.headers["Location"].rsplit("/", 1)[1]


def number_on(page: str) -> str:
    """Return the number that a page shows."""
    found = re.search(r"Q-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", page)
    assert found
    return found[0]
