"""Builders of agreements: a bound organizer, and a signed PDF."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import people
from heyan.accounts.models import Account
from heyan.agreements import service
from heyan.agreements.models import Agreement
from heyan.audit.service import OPERATOR, Actor

PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def _somebody(session: Session, role: Role) -> Actor:
    """A colleague in a test's world, made once a session."""
    known: dict[Role, uuid.UUID] = session.info.setdefault("agreement_people", {})
    if role not in known or session.get(Account, known[role]) is None:
        issued = people.invite(
            session, OPERATOR, realm=Realm.STAFF, login=f"g{uuid.uuid4().hex[:12]}",
            name=f"协议{uuid.uuid4().hex[:6]}", roles=[role],
        )  # fmt: skip
        known[role] = issued.account_id
    return Actor("staff", known[role])


def bind(
    session: Session, organization_id: uuid.UUID, *, days: int = 365, since: int = 1
) -> Agreement:
    """Bind an organizer from *since* days ago for *days* more, through the verbs."""
    moment = clock.now()
    terms = service.Terms(
        kind=service.ORGANIZER,
        party="",
        role="independent",
        clauses=service.CLAUSES,
        valid_from=moment - timedelta(days=since),
        valid_until=moment + timedelta(days=days),
        organization_id=organization_id,
    )
    row = service.propose(session, _somebody(session, Role.OPERATIONS), terms, PDF)
    return service.activate(session, _somebody(session, Role.PRIVACY_OFFICER), row.id)
