"""Documents in custody and the events of their custody."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from heyan.db import Base, key_column, pg_enum
from heyan.events.models import DocumentKind
from heyan.registrations.models import Registration


class DocumentState(enum.Enum):
    """Where a document is; transitions stand in `heyan.documents.states`."""

    SEALED = "sealed"
    RELEASED = "released"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    SUPERSEDED = "superseded"
    DESTROYED = "destroyed"


class Document(Base):
    """One identity document: the row knows where its ciphertext is, never what it shows."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("registration_id", "kind", "upload_token"),
        # One live document a kind; the one it replaces is superseded in the same transaction.
        Index(
            "uq_documents_current",
            "registration_id",
            "kind",
            unique=True,
            postgresql_where=text("state IN ('sealed', 'released', 'accepted', 'returned')"),
        ),
        Index("ix_documents_event_state", "event_id", "state"),
        # Looked through every minute for what waits for a batch.
        Index(
            "ix_documents_waiting",
            "event_id",
            postgresql_where=text("state IN ('sealed', 'released')"),
        ),
        Index(
            "ix_documents_destroy_due",
            "destroy_due_at",
            postgresql_where=text("destroyed_at IS NULL"),
        ),
        CheckConstraint("state <> 'destroyed' OR destroyed_at IS NOT NULL", name="destroyed"),
    )

    id: Mapped[uuid.UUID] = key_column()
    registration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registrations.id"))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    kind: Mapped[DocumentKind] = mapped_column(pg_enum(DocumentKind))
    state: Mapped[DocumentState] = mapped_column(pg_enum(DocumentState))
    # Chosen by the form, so that a double click or a retry makes one document (C-11). It counts
    # for the form's own kind alone: on another's page it would swallow a picture.
    upload_token: Mapped[str] = mapped_column(String(64))
    object_key: Mapped[str] = mapped_column(String(80), unique=True)
    object_version: Mapped[str | None] = mapped_column(String(80))
    vault_key_id: Mapped[str] = mapped_column(ForeignKey("vault_keys.key_id"), index=True)
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)
    ciphertext_bytes: Mapped[int] = mapped_column(Integer)
    picture_bytes: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    pages: Mapped[int] = mapped_column(SmallInteger, default=1)
    spec_version: Mapped[int] = mapped_column(SmallInteger)
    # What was noticed and overridden by the person ("blurred", "small"), for the organizer.
    warnings: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    received_at: Mapped[datetime]
    superseded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("documents.id"), index=True)
    # When the ciphertext must be gone at the latest, and why ("superseded", "decided", …).
    destroy_due_at: Mapped[datetime]
    destroy_reason: Mapped[str] = mapped_column(String(24))
    destroyed_at: Mapped[datetime | None]

    registration: Mapped[Registration] = relationship(lazy="raise")


class CustodyStep(enum.Enum):
    """What can happen to a document; each is a receipt (REQUIREMENTS C3, L2b)."""

    RECEIVED = "received"
    SEALED = "sealed"
    PREPARED = "prepared"
    OFFERED = "offered"
    FETCHED = "fetched"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    DESTROYED = "destroyed"
    # The organizer's word that it destroyed every copy it held (L5).
    HOLDER_DESTROYED = "holder_destroyed"
    # A copy for one person of the company's staff, after the approvals that takes.
    COPIED = "staff_copy_made"
    SHOWN = "staff_shown"
    COPY_DESTROYED = "staff_copy_destroyed"


class CustodyEvent(Base):
    """One step of a document's custody (append-only), and the receipt the worker signs."""

    __tablename__ = "custody_events"
    __table_args__ = (Index("ix_custody_events_document_at", "document_id", "at"),)

    id: Mapped[uuid.UUID] = key_column()
    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id"))
    step: Mapped[CustodyStep] = mapped_column(pg_enum(CustodyStep))
    at: Mapped[datetime]
    policy_version: Mapped[str] = mapped_column(String(24))
    # Ids, digests and counts only.
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class CustodyReceipt(Base):
    """The root-signed receipt (DSSE envelope) of one custody event."""

    __tablename__ = "custody_receipts"

    custody_event_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("custody_events.id"), primary_key=True
    )
    envelope: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime]


class UploadCount(Base):
    """How much an account has uploaded in an hour, for the quotas of CONTROLS section 5."""

    __tablename__ = "upload_counts"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    uploads: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(Integer)


class Tombstone(Base):
    """What a destruction leaves behind, so that a restored backup destroys it again (H4)."""

    __tablename__ = "tombstones"

    id: Mapped[uuid.UUID] = key_column()
    # document | release | vault_key
    subject_kind: Mapped[str] = mapped_column(String(24))
    subject_id: Mapped[str] = mapped_column(String(80), index=True)
    object_key: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(24))
    destroyed_at: Mapped[datetime]
    proven_at: Mapped[datetime]
