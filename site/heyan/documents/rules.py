"""What is asked before the first byte of an upload is read (C-10, C-12, C-17)."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT
from heyan.db import transaction
from heyan.documents.models import Document, DocumentState, UploadCount
from heyan.documents.store import current_of_kind, stored_count
from heyan.events.models import DocumentKind, EventDocumentKind
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.service import in_window
from heyan.registrations.steps import require_consents
from heyan.releases.models import ItemState, ReleaseItem
from heyan.settings import Settings
from heyan.students.service import lock_number

DAY = timedelta(days=1)


class KindUnknown(Exception):
    """The event does not ask for this kind of document."""


class Closed(enum.Enum):
    """Why a document cannot be handed in now."""

    WITHDRAWN = "withdrawn"
    VERIFIED = "verified"
    NOT_OPEN = "not_open"
    DRAFT_LATE = "draft_late"
    TOO_LATE = "too_late"
    ACCEPTED = "accepted"
    RELEASED = "released"
    PACKING = "packing"


class UploadClosed(Exception):
    """This registration does not take this document now; ``why`` says so."""

    def __init__(self, why: Closed) -> None:
        super().__init__(why.value)
        self.why = why


class Quota(enum.Enum):
    """Which quota is used up."""

    HOUR = "hour"
    DAY = "day"
    BYTES = "bytes"
    DOCUMENTS = "documents"
    REPLACEMENTS = "replacements"


class QuotaReached(Exception):
    """A quota is used up; ``limit`` is its number (bytes for `Quota.BYTES`)."""

    def __init__(self, quota: Quota, limit: int) -> None:
        super().__init__(quota.value)
        self.quota = quota
        self.limit = limit


def spec_of(registration: Registration, kind: DocumentKind) -> EventDocumentKind:
    """Return the event's specification of *kind*; raises `KindUnknown`."""
    for spec in registration.event.document_kinds:
        if spec.kind is kind:
            return spec
    raise KindUnknown(kind.value)


def check_open(session: Session, registration: Registration, kind: DocumentKind) -> None:
    """Raise `UploadClosed` unless a document of *kind* may be handed in now.

    A draft takes documents inside the event's window; later, what the organizer has not got yet
    or has returned may be replaced until ``documents_until`` (C5).
    """
    status, event, moment = registration.status, registration.event, clock.now()
    if status is RegistrationStatus.WITHDRAWN:
        raise UploadClosed(Closed.WITHDRAWN)
    if status is RegistrationStatus.VERIFIED:
        raise UploadClosed(Closed.VERIFIED)
    if status is RegistrationStatus.DRAFT:
        if moment < event.opens_at:
            raise UploadClosed(Closed.NOT_OPEN)
        if not in_window(event, moment):
            raise UploadClosed(Closed.DRAFT_LATE)
    elif moment >= event.documents_until:
        raise UploadClosed(Closed.TOO_LATE)
    current = current_of_kind(session, registration.id, kind)
    if current is None:
        return
    if current.state is DocumentState.ACCEPTED:
        raise UploadClosed(Closed.ACCEPTED)
    if current.state is DocumentState.RELEASED:
        raise UploadClosed(Closed.RELEASED)
    if _being_packed(session, current.id):
        raise UploadClosed(Closed.PACKING)


def _being_packed(session: Session, document_id: uuid.UUID) -> bool:
    return session.scalar(_CLAIMED, {"document": document_id}) is not None


_CLAIMED = select(ReleaseItem.document_id).where(
    ReleaseItem.document_id == bindparam("document"), ReleaseItem.state == ItemState.CLAIMED
)


def check_amounts(
    session: Session, settings: Settings, registration: Registration, kind: DocumentKind
) -> None:
    """Raise `QuotaReached` when the registration holds too many, or this one changed too often."""
    if stored_count(session, registration.id) >= settings.documents_per_registration:
        raise QuotaReached(Quota.DOCUMENTS, settings.documents_per_registration)
    since = clock.now() - DAY
    of_kind = select(func.count()).where(
        Document.registration_id == registration.id, Document.kind == kind
    )
    lately = session.scalar(of_kind.where(Document.received_at > since)) or 0
    before = session.scalar(of_kind.where(Document.received_at <= since)) or 0
    # The first one of its kind replaces nothing.
    replacements = lately if before else lately - 1
    if replacements >= settings.replacements_per_day:
        raise QuotaReached(Quota.REPLACEMENTS, settings.replacements_per_day)


def count_upload(session: Session, settings: Settings, account_id: uuid.UUID, size: int) -> None:
    """Count one upload of *size* bytes on the account, or raise `QuotaReached`.

    One at a time per account, so that parallel uploads cannot pass a quota together.
    """
    with transaction(session):
        session.execute(select(func.pg_advisory_xact_lock(lock_number("uploads", account_id))))
        hour = clock.now().replace(minute=0, second=0, microsecond=0)
        _check_counts(session, settings, account_id, hour, size)
        row = insert(UploadCount).values(account_id=account_id, hour=hour, uploads=1, bytes=size)
        session.execute(
            row.on_conflict_do_update(
                index_elements=[UploadCount.account_id, UploadCount.hour],
                set_={
                    "uploads": UploadCount.uploads + row.excluded.uploads,
                    "bytes": UploadCount.bytes + row.excluded.bytes,
                },
            )
        )


def _check_counts(
    session: Session, settings: Settings, account_id: uuid.UUID, hour: datetime, size: int
) -> None:
    counts = session.execute(
        select(UploadCount.hour, UploadCount.uploads, UploadCount.bytes).where(
            UploadCount.account_id == account_id, UploadCount.hour > hour - DAY
        )
    ).all()
    if sum(row.uploads for row in counts if row.hour == hour) >= settings.uploads_per_hour:
        raise QuotaReached(Quota.HOUR, settings.uploads_per_hour)
    if sum(row.uploads for row in counts) >= settings.uploads_per_day:
        raise QuotaReached(Quota.DAY, settings.uploads_per_day)
    if sum(row.bytes for row in counts) + size > settings.upload_bytes_per_day:
        raise QuotaReached(Quota.BYTES, settings.upload_bytes_per_day)


def check_before_body(
    session: Session, settings: Settings, registration: Registration, kind: DocumentKind
) -> EventDocumentKind:
    """Ask everything that needs no body; returns the specification.

    Raises `KindUnknown`, `UploadClosed`, `ConsentMissing`, `QuotaReached`.
    """
    spec = spec_of(registration, kind)
    check_open(session, registration, kind)
    consents.require(session, ACCOUNT, account_id=registration.account_id)
    require_consents(session, registration)
    check_amounts(session, settings, registration, kind)
    return spec
