"""The rules of keeping for the contact log and its recordings (`uploads_worker.keeping.rules`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select

from heyan.contacts.models import Contact, ContactKind, ContactState, Recording, RecordingState
from heyan.retention import holds
from uploads_worker.keeping.rules import overdue, rule
from uploads_worker.recordings import ends


def _contact(moment: datetime) -> ColumnElement[bool]:
    recorded = (
        select(Recording.id)
        .where(Recording.contact_id == Contact.id, Recording.state == RecordingState.SEALED)
        .exists()
    )
    return and_(
        Contact.delete_after <= moment,
        or_(Contact.kind != ContactKind.DISPUTE, Contact.state == ContactState.CLOSED),
        ~recorded,
        holds.not_held("contact", Contact.id),
    )


RULES = (
    rule("contacts", "contact.log", "contacts contact_notes", overdue(Contact, _contact)),
    rule("recordings", "contact.recording", "", overdue(Recording, ends)),
)
