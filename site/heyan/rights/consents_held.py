"""The consents that stand, one for each purpose and registration, to be taken back from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from heyan.consent.models import ConsentRecord
from heyan.documents.models import Document, DocumentState
from heyan.documents.states import CURRENT
from heyan.events.models import Event
from heyan.events.wording import title_column
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration


@dataclass(frozen=True)
class Held:
    """One consent that stands, with where it belongs and whether something was handed over."""

    id: uuid.UUID
    purpose: str
    at: datetime
    text: str
    registration_id: uuid.UUID | None
    event: str | None
    organizer: str | None
    organizer_contact: str | None
    sealed: int
    handed_over: int


def standing(session: Session, account_id: uuid.UUID) -> list[Held]:
    """Return what an account has agreed to and not taken back, the latest first."""
    place = (ConsentRecord.purpose, ConsentRecord.registration_id)
    latest = (
        select(ConsentRecord.id)
        .where(ConsentRecord.account_id == account_id)
        .ext(distinct_on(*place))
        .order_by(*place, ConsentRecord.at.desc(), ConsentRecord.id.desc())
    )
    rows = session.execute(
        select(ConsentRecord, title_column(), Organization.name, Organization.contact)
        .outerjoin(Registration, Registration.id == ConsentRecord.registration_id)
        .outerjoin(Event, Event.id == Registration.event_id)
        .outerjoin(Organization, Organization.id == Event.organization_id)
        .where(ConsentRecord.id.in_(latest), ConsentRecord.granted)
        .order_by(ConsentRecord.at.desc())
    ).all()
    states: dict[uuid.UUID, list[DocumentState]] = {}
    for registration_id, state in session.execute(
        select(Document.registration_id, Document.state)
        .join(Registration, Registration.id == Document.registration_id)
        .where(Registration.account_id == account_id, Document.state.in_(CURRENT))
    ):
        states.setdefault(registration_id, []).append(state)
    found = []
    for row, event, organizer, contact in rows:
        now = states.get(row.registration_id, []) if row.registration_id else []
        sealed = sum(state is DocumentState.SEALED for state in now)
        found.append(
            Held(
                row.id, row.purpose, row.at, row.text_shown, row.registration_id, event,
                organizer, contact, sealed, len(now) - sealed,
            )
        )  # fmt: skip
    return found
