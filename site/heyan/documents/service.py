"""The verbs of identity documents: receive one, load one, apply a decision to one.

The order of `receive` is what keeps everything (DESIGN 2 rule 6): normalise and mark, seal, put
the object, then one transaction makes it known. A crash in between leaves nothing visible.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.custody import images
from heyan.custody.objects import ObjectStore
from heyan.custody.sealing import SealContext, Sealed, VaultPublicKey, seal
from heyan.db import transaction, uuid7
from heyan.decisions.models import Decision, Outcome
from heyan.documents.custody import note_step, steps_of
from heyan.documents.models import (
    CustodyEvent,
    CustodyReceipt,
    CustodyStep,
    Document,
    DocumentState,
)
from heyan.documents.rules import check_amounts, check_open
from heyan.documents.states import move
from heyan.documents.store import (
    current_documents,
    current_of_kind,
    last_day_of_decided,
    take_back,
)
from heyan.events.models import DocumentKind, Event, EventDocumentKind
from heyan.jobs import Job, defer
from heyan.notifications.service import notify
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.service import lock, refresh_status
from heyan.safety import intake
from heyan.settings import Settings


class DocumentUnknown(Exception):
    """No such document of this account."""


class NeedsOverride(Exception):
    """The picture may be hard to read; the person may insist. ``warnings`` are codes."""

    def __init__(self, warnings: tuple[str, ...]) -> None:
        super().__init__(", ".join(warnings))
        self.warnings = warnings


@dataclass(frozen=True)
class Upload:
    """What the form brought. ``rotation`` is in degrees clockwise, a multiple of 90."""

    data: bytes
    token: str
    rotation: int
    override: bool


@dataclass(frozen=True)
class Ready:
    """A sealed document whose ciphertext lies in the store, not yet known to anyone."""

    document_id: uuid.UUID
    sealed: Sealed
    picture: images.Normalised
    object_key: str
    object_version: str | None
    # Of the file as it came, for the worker alone (Q6).
    digest: Sealed


def find_upload(
    session: Session, registration_id: uuid.UUID, kind: DocumentKind, token: str
) -> Document | None:
    """Return the document of *kind* that an earlier try with the same form made, or None (C-11)."""
    return session.scalars(
        select(Document).where(
            Document.registration_id == registration_id,
            Document.kind == kind,
            Document.upload_token == token,
        )
    ).first()


def receive(
    session: Session,
    actor: Actor,
    settings: Settings,
    objects: ObjectStore,
    registration: Registration,
    spec: EventDocumentKind,
    key: VaultPublicKey,
    upload: Upload,
) -> Document:
    """Take one picture into custody; the same upload token again returns the first's document.

    *key* was checked against the root (`documents.vault`). Raises `images.ImageRefused`,
    `NeedsOverride`, `rules.UploadClosed` and `rules.QuotaReached` when the registration changed
    meanwhile, and `ObjectStoreUnavailable`.
    """
    found = find_upload(session, registration.id, spec.kind, upload.token)
    # No connection is held while the picture is worked on.
    session.commit()
    if found is not None:
        return found
    document_id = uuid7()
    picture = images.normalise(
        upload.data,
        picture_spec(spec, settings, rotation=upload.rotation),
        mark_of(registration, document_id, spec),
    )
    if picture.warnings and not upload.override:
        raise NeedsOverride(tuple(picture.warnings))
    context = SealContext(
        event_id=registration.event_id,
        registration_id=registration.id,
        document_id=document_id,
        kind=spec.kind.value,
    )
    sealed = seal(picture.data, key, context)
    object_key = f"d/{secrets.token_hex(20)}"
    version = objects.put_sealed(object_key, sealed.ciphertext)
    digest = intake.seal_digest(upload.data, key, _digest_context(registration, document_id))
    ready = Ready(document_id, sealed, picture, object_key, version, digest)
    try:
        return _make_known(session, actor, settings, registration, spec, key, upload, ready)
    except IntegrityError:
        # The same form came twice at once: the other one won, and our object has no row.
        found = find_upload(session, registration.id, spec.kind, upload.token)
        if found is None:
            raise
        return found


def _digest_context(registration: Registration, document_id: uuid.UUID) -> SealContext:
    return intake.digest_context(registration.event_id, registration.id, document_id)


def _make_known(
    session: Session,
    actor: Actor,
    settings: Settings,
    registration: Registration,
    spec: EventDocumentKind,
    key: VaultPublicKey,
    upload: Upload,
    ready: Ready,
) -> Document:
    with transaction(session):
        current_documents(session, registration.id, lock=True)
        status = lock(session, registration)
        found = find_upload(session, registration.id, spec.kind, upload.token)
        if found is not None:
            return found
        check_open(session, registration, spec.kind)
        # Again under the lock: uploads at once all passed the first look.
        check_amounts(session, settings, registration, spec.kind)
        moment = clock.now()
        older = _supersede(session, settings, registration.id, spec.kind, moment)
        draft = status is RegistrationStatus.DRAFT
        due = registration.event.destroy_at
        if draft:
            due = min(due, moment + timedelta(days=settings.draft_days))
        picture, sealed = ready.picture, ready.sealed
        document = Document(
            id=ready.document_id,
            registration_id=registration.id,
            event_id=registration.event_id,
            kind=spec.kind,
            state=DocumentState.SEALED,
            upload_token=upload.token,
            object_key=ready.object_key,
            object_version=ready.object_version,
            vault_key_id=key.key_id,
            ciphertext_sha256=sealed.sha256,
            commitment=sealed.commitment,
            ciphertext_bytes=len(sealed.ciphertext),
            picture_bytes=len(picture.data),
            width=picture.width,
            height=picture.height,
            pages=picture.pages,
            spec_version=spec.version,
            warnings=list(picture.warnings),
            received_at=moment,
            destroy_due_at=due,
            destroy_reason="draft" if draft else "event_end",
        )
        session.add(document)
        session.flush()
        where = _digest_context(registration, document.id)
        intake.keep_digest(session, where, ready.digest, key.key_id)
        if not draft:
            intake.check_duplicates(session, registration.id)
        if older is not None:
            older.superseded_by = document.id
        note_step(
            session,
            document.id,
            CustodyStep.RECEIVED,
            picture_bytes=len(picture.data),
            width=picture.width,
            height=picture.height,
            pages=picture.pages,
            spec_version=spec.version,
        )
        note_step(
            session,
            document.id,
            CustodyStep.SEALED,
            sha256=sealed.sha256.hex(),
            key_id=key.key_id,
        )
        record(
            session,
            actor,
            "documents.receive",
            "document",
            document.id,
            registration_id=registration.id,
            kind=spec.kind.value,
            replaces=older.id if older else None,
            overridden=list(picture.warnings),
        )
        refresh_status(session, registration.id)
        return document


def _supersede(
    session: Session,
    settings: Settings,
    registration_id: uuid.UUID,
    kind: DocumentKind,
    moment: datetime,
) -> Document | None:
    """Retire the present document of *kind*, if any, and order its destruction."""
    older = current_of_kind(session, registration_id, kind)
    if older is None:
        return None
    older.state = move(older.state, DocumentState.SUPERSEDED)
    due = moment + timedelta(hours=settings.superseded_hours)
    older.destroy_due_at = min(older.destroy_due_at, due)
    older.destroy_reason = "superseded"
    session.flush()
    note_step(session, older.id, CustodyStep.SUPERSEDED)
    defer(session, Job.DESTROY_DOCUMENT, lock=f"document:{older.id}", document_id=older.id)
    return older


def picture_spec(
    spec: EventDocumentKind, settings: Settings, *, rotation: int
) -> images.PictureSpec:
    """Return what the picture must become, from the event's specification and the limits."""
    exact = bool(spec.width and spec.height)
    # A small portrait of exact size needs no more pixels than it ends with.
    least = max(spec.width, spec.height) if exact else max(spec.min_side, settings.min_long_side)
    return images.PictureSpec(
        min_bytes=spec.min_bytes,
        max_bytes=spec.max_bytes,
        min_side=least,
        width=spec.width if exact else 0,
        height=spec.height if exact else 0,
        dpi=spec.dpi,
        rotation=rotation,
        limits=images.Limits.from_settings(settings),
    )


def mark_of(
    registration: Registration, document_id: uuid.UUID, spec: EventDocumentKind
) -> images.Mark | None:
    """Return the purpose drawn into the picture; None where it must stay clean."""
    if not spec.marked:
        return None
    event, tail = registration.event, document_id.hex[-8:].upper()
    return images.Mark(
        organizer=event.organization.name,
        event=event.title,
        document_number=registration.number or f"{tail[:4]}-{tail[4:]}",
        date=clock.local(clock.now()).date().isoformat(),
    )


def _own() -> Select[Document]:
    registration = joinedload(Document.registration, innerjoin=True)
    event = registration.joinedload(Registration.event, innerjoin=True)
    return (
        select(Document)
        .join(Registration, Registration.id == Document.registration_id)
        .where(
            Document.id == bindparam("document"), Registration.account_id == bindparam("account")
        )
        .options(
            event.joinedload(Event.organization, innerjoin=True),
            event.selectinload(Event.document_kinds),
            registration.joinedload(Registration.student, innerjoin=True),
        )
    )


# Made once: putting them together costs more than sending them.
_OWN = _own()
_LATEST_DECISION = (
    select(Decision)
    .where(Decision.document_id == bindparam("document"))
    .order_by(Decision.published_at.desc(), Decision.id.desc())
    .limit(1)
)
_RECEIPTS = (
    select(CustodyEvent, CustodyReceipt)
    .outerjoin(CustodyReceipt, CustodyReceipt.custody_event_id == CustodyEvent.id)
    .where(CustodyEvent.document_id == bindparam("document"))
    .order_by(CustodyEvent.at, CustodyEvent.id)
)


def load(session: Session, account_id: uuid.UUID, document_id: uuid.UUID) -> Document:
    """Return one of the account's documents with registration, event, organizer and student.

    Raises `DocumentUnknown`, for another account's too.
    """
    found = session.scalars(_OWN, {"document": document_id, "account": account_id}).first()
    if found is None:
        raise DocumentUnknown
    return found


def latest_decision(session: Session, document_id: uuid.UUID) -> Decision | None:
    """Return the decision that stands for a document, or None."""
    return session.scalars(_LATEST_DECISION, {"document": document_id}).first()


def receipts_of(
    session: Session, document_id: uuid.UUID
) -> list[tuple[CustodyEvent, CustodyReceipt | None]]:
    """Return each step of a document's custody with its receipt, None while it is being signed."""
    rows = session.execute(_RECEIPTS, {"document": document_id})
    return [(event, receipt) for event, receipt in rows]


def apply_decision(session: Session, document: Document, decision: Decision) -> None:
    """Move a decided document on, in the caller's transaction; the caller holds its row.

    Raises `documents.states.ForbiddenTransition` when it was not handed over.
    """
    accepted = decision.outcome is Outcome.ACCEPTED
    document.state = move(
        document.state, DocumentState.ACCEPTED if accepted else DocumentState.RETURNED
    )
    registration = session.scalars(
        select(Registration)
        .where(Registration.id == document.registration_id)
        .options(joinedload(Registration.event))
    ).one()
    document.destroy_due_at = last_day_of_decided(
        session, document, decision.published_at, registration.event
    )
    document.destroy_reason = "decided"
    note_step(
        session,
        document.id,
        CustodyStep.ACCEPTED if accepted else CustodyStep.RETURNED,
        decision_id=str(decision.id),
    )
    notify(
        session,
        registration.account_id,
        "document_accepted" if accepted else "document_returned",
        document_id=document.id,
        registration_id=registration.id,
    )


__all__ = [
    "DocumentUnknown",
    "NeedsOverride",
    "Upload",
    "apply_decision",
    "current_documents",
    "find_upload",
    "latest_decision",
    "load",
    "receipts_of",
    "receive",
    "refresh_status",
    "steps_of",
    "take_back",
]
