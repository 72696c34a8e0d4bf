"""Sign a receipt for every step of custody that has none yet."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.custody.receipts import Receipt, sign_receipt
from heyan.db import transaction
from heyan.documents.models import CustodyEvent, CustodyReceipt, Document
from heyan.events.models import Event
from heyan.organizations.models import Organization
from uploads_worker.consent_receipts import sign_consents
from uploads_worker.context import Context

BATCH = 500
# The job looks at what happened lately; the periodic one looks at everything.
LATELY = timedelta(days=2)


def sign_lately(context: Context) -> int:
    """Sign what happened lately; return how many receipts were signed."""
    # Ids carry this host's own time, whatever a test says the clock is.
    since = int((clock.present() - LATELY).timestamp() * 1000)
    return _sign(context, uuid.UUID(int=since << 80))


def sign_all(context: Context) -> int:
    """Sign everything that has no receipt yet; return how many were signed."""
    return sign_consents(context) + _sign(context, uuid.UUID(int=0))


def _sign(context: Context, after: uuid.UUID) -> int:
    done = 0
    while True:
        with context.sessions() as session, transaction(session):
            # One at a time; a second one would only sign the same again.
            session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('receipts', 0))"))
            found = _sign_batch(context, session, after)
        done += found
        if found < BATCH:
            return done


def _sign_batch(context: Context, session: Session, after: uuid.UUID) -> int:
    rows = session.execute(
        select(CustodyEvent, Document, Event.id, Event.title, Organization.id, Organization.name)
        .join(Document, Document.id == CustodyEvent.document_id)
        .join(Event, Event.id == Document.event_id)
        .join(Organization, Organization.id == Event.organization_id)
        .outerjoin(CustodyReceipt, CustodyReceipt.custody_event_id == CustodyEvent.id)
        .where(CustodyReceipt.custody_event_id.is_(None), CustodyEvent.id > after)
        .order_by(CustodyEvent.id)
        .limit(BATCH)
    ).all()
    root, now = context.keyring.root, clock.now()
    signed = [
        {
            "custody_event_id": step.id,
            "signed_at": now,
            "envelope": sign_receipt(
                Receipt(
                    document_id=str(document.id),
                    kind=document.kind.value,
                    step=step.step.value,
                    at=step.at,
                    event={"id": str(event_id), "title": title},
                    organization={"id": str(organization_id), "name": name},
                    sha256=document.ciphertext_sha256.hex(),
                    details={**step.details, "policy_version": step.policy_version},
                ),
                root,
            ),
        }
        for step, document, event_id, title, organization_id, name in rows
    ]
    if signed:
        session.execute(insert(CustodyReceipt).on_conflict_do_nothing(), signed)
    return len(signed)
