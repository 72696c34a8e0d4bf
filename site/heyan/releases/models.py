"""Recipients (an organizer's age keys), releases and what each holds."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship

from heyan.db import Base, key_column, pg_enum
from heyan.events.models import Event


class RecipientStatus(enum.Enum):
    """From proposal to pin; transitions stand in `heyan.releases.states`."""

    PROPOSED = "proposed"
    PROVEN = "proven"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    PINNED = "pinned"
    REJECTED = "rejected"
    REVOKED = "revoked"


class Recipient(Base):
    """An organizer's public age recipient. The private half was never here.

    The row says what people agreed to; what the worker trusts is its own keyring (rule 4).
    """

    __tablename__ = "recipients"
    __table_args__ = (
        CheckConstraint("approved_by <> confirmed_by", name="two_people"),
        CheckConstraint(
            "proposed_by <> confirmed_by AND proposed_by <> approved_by", name="not_proposer"
        ),
        Index(
            "uq_recipients_pinned",
            "organization_id",
            "purpose",
            unique=True,
            postgresql_where=text("status = 'pinned'"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    recipient: Mapped[str] = mapped_column(String(100), unique=True)
    # primary | recovery
    purpose: Mapped[str] = mapped_column(String(16))
    status: Mapped[RecipientStatus] = mapped_column(pg_enum(RecipientStatus))
    # SHA-256 of the challenge's plaintext; the ciphertext is shown to the browser.
    challenge_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    challenge: Mapped[str | None] = mapped_column(Text)
    challenge_until: Mapped[datetime | None]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    proven_at: Mapped[datetime | None]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    confirmed_at: Mapped[datetime | None]
    # How the fingerprint was compared: phone | in_person | letter
    confirmed_how: Mapped[str | None] = mapped_column(String(24))
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(200))


class ReleaseState(enum.Enum):
    """A release's hand-over (L2b); transitions stand in `heyan.releases.states`."""

    CLAIMED = "claimed"
    OFFERED = "offered"
    FETCHED = "fetched"
    ACKNOWLEDGED = "acknowledged"
    DECIDED = "decided"
    DESTROYED = "destroyed"
    FAILED = "failed"


class Release(Base):
    """One batch for one organizer: an age file that only its recipient opens."""

    __tablename__ = "releases"
    __table_args__ = (
        UniqueConstraint("event_id", "number"),
        Index("ix_releases_organization_state", "organization_id", "state"),
    )

    id: Mapped[uuid.UUID] = key_column()
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"))
    number: Mapped[int] = mapped_column(Integer)
    # schedule | demand | size | deadline
    trigger: Mapped[str] = mapped_column(String(16))
    requested_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    state: Mapped[ReleaseState] = mapped_column(pg_enum(ReleaseState), index=True)
    # The pinned recipient it was made for, as text, since the pin and not the row decides.
    recipient: Mapped[str | None] = mapped_column(String(100))
    object_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    file_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    # DSSE envelope of the manifest, and its SHA-256 (what the organizer acknowledges).
    manifest: Mapped[str | None] = mapped_column(Text)
    manifest_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    registrations_count: Mapped[int] = mapped_column(Integer, default=0)
    documents_count: Mapped[int] = mapped_column(Integer, default=0)
    missing_count: Mapped[int] = mapped_column(Integer, default=0)
    broken_count: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    offered_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    fetched_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    decided_at: Mapped[datetime | None]
    destroy_due_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
    # Which bytes of the file have left, over all downloads and in whatever order.
    sent: Mapped[list[Range[int]]] = mapped_column(INT8MULTIRANGE, server_default="{}")
    # When the organizer said that it destroyed what it held (L5).
    holder_destroyed_at: Mapped[datetime | None]
    holder_destroyed_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id"), index=True
    )

    event: Mapped[Event] = relationship(lazy="raise")


class ItemState(enum.Enum):
    """What became of one document in a release."""

    CLAIMED = "claimed"
    INCLUDED = "included"
    MISSING = "missing"
    BROKEN = "broken"


class ReleaseItem(Base):
    """One document's place in one release."""

    __tablename__ = "release_items"
    __table_args__ = (
        # A document is in one release at a time: claimed for it or included in it.
        Index(
            "uq_release_items_document",
            "document_id",
            unique=True,
            postgresql_where=text("state IN ('claimed', 'included')"),
        ),
    )

    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("releases.id"), primary_key=True)
    document_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("documents.id"), primary_key=True, index=True
    )
    state: Mapped[ItemState] = mapped_column(pg_enum(ItemState))
    problem: Mapped[str | None] = mapped_column(String(120))
