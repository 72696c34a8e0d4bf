"""The end of entries of the contact log: a year after the last handling, a dispute three later.

The worker reads no words of an entry; rows are found by times and ids.
"""

from __future__ import annotations

from sqlalchemy import delete, exists, or_

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.contacts.models import Contact, ContactKind, ContactState, Recording, RecordingState
from heyan.db import transaction
from heyan.retention import holds
from uploads_worker.context import Context


def expire(context: Context) -> int:
    """Delete entries past their last day with what was added to them; return how many.

    An open dispute stays whatever its day says, and an entry stays as long as a recording of it.
    """
    recorded = exists().where(
        Recording.contact_id == Contact.id, Recording.state == RecordingState.SEALED
    )
    with context.sessions() as session, transaction(session):
        gone = session.execute(
            delete(Contact).where(
                Contact.delete_after <= clock.now(),
                or_(Contact.kind != ContactKind.DISPUTE, Contact.state == ContactState.CLOSED),
                ~recorded,
                holds.not_held("contact", Contact.id),
            ),
            execution_options={"synchronize_session": False},
        ).rowcount  # type: ignore[attr-defined]
        if gone:
            record(session, WORKER, "contacts.expire", "contacts", count=gone)
    return int(gone)
