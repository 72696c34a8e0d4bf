"""Entries of the contact log, what was added to each, and the recordings of calls."""

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
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class ContactChannel(enum.Enum):
    """By which way somebody was in touch (D1)."""

    CALL = "call"
    CHAT = "chat"
    VISIT = "visit"
    LETTER = "letter"
    EMAIL = "email"


class ContactDirection(enum.Enum):
    """Who began."""

    INCOMING = "in"
    OUTGOING = "out"


class ContactKind(enum.Enum):
    """What it is about; a dispute is kept longer and stops the clocks of documents."""

    ENQUIRY = "enquiry"
    OPINION = "opinion"
    COMPLAINT = "complaint"
    DISPUTE = "dispute"


class ContactState(enum.Enum):
    """OPEN: ours to act; WAITING: for an answer from elsewhere; CLOSED: with an outcome."""

    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


class ContactOutcome(enum.Enum):
    """How an entry ended."""

    ANSWERED = "answered"
    RESOLVED = "resolved"
    AGREED = "agreed"
    REFUSED = "refused"
    PASSED_ON = "passed_on"
    NO_ANSWER = "no_answer"


class RecordingConsent(enum.Enum):
    """What the person said to being recorded."""

    NOT_ASKED = "not_asked"
    GIVEN = "given"
    REFUSED = "refused"


class RecordingState(enum.Enum):
    """SEALED: its parts lie in the store; DESTROYED: proven gone."""

    SEALED = "sealed"
    DESTROYED = "destroyed"


class Contact(Base):
    """One time that somebody was in touch, and what came of it."""

    __tablename__ = "contacts"
    __table_args__ = (
        # The queue by what is due first: everyone's, one colleague's, and the disputes.
        Index("ix_contacts_live_due", "due_at", "id", postgresql_where=text("state <> 'closed'")),
        Index(
            "ix_contacts_live_owner",
            "owner_id",
            "due_at",
            "id",
            postgresql_where=text("state <> 'closed'"),
        ),
        Index(
            "ix_contacts_live_disputes",
            "due_at",
            "id",
            postgresql_where=text("state <> 'closed' AND kind = 'dispute'"),
        ),
        Index("ix_contacts_closed", "closed_at", "id", postgresql_where=text("state = 'closed'")),
        # A person's history, the latest first.
        Index("ix_contacts_lead_at", "lead_id", "at", "id"),
        Index("ix_contacts_account_at", "account_id", "at", "id"),
        Index("ix_contacts_phone_at", "phone_index", "at", "id"),
        CheckConstraint("(state = 'closed') = (outcome IS NOT NULL)", name="closed_has_outcome"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_is_dated"),
        CheckConstraint("lead_id IS NULL OR account_id IS NULL", name="bound_once"),
    )

    id: Mapped[uuid.UUID] = key_column()
    channel: Mapped[ContactChannel] = mapped_column(pg_enum(ContactChannel))
    direction: Mapped[ContactDirection] = mapped_column(pg_enum(ContactDirection))
    kind: Mapped[ContactKind] = mapped_column(pg_enum(ContactKind))
    state: Mapped[ContactState] = mapped_column(pg_enum(ContactState))
    at: Mapped[datetime]
    # Bound to a lead or an account or to neither; a lead that is deleted leaves its entries.
    lead_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("leads.id", ondelete="SET NULL"))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    registration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("registrations.id"), index=True
    )
    name: Mapped[str | None] = personal("contact.log", EncryptedText("contacts.name"))
    phone: Mapped[str | None] = personal("contact.log", EncryptedText("contacts.phone"))
    phone_index: Mapped[bytes | None] = personal("contact.log", LargeBinary)
    # An e-mail address or a chat name, where the answer goes.
    reply_to: Mapped[str | None] = personal("contact.log", EncryptedText("contacts.reply_to"))
    note: Mapped[str] = personal("contact.log", EncryptedText("contacts.note"))
    recording_consent: Mapped[RecordingConsent] = mapped_column(pg_enum(RecordingConsent))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    due_at: Mapped[datetime]
    outcome: Mapped[ContactOutcome | None] = mapped_column(pg_enum(ContactOutcome))
    outcome_note: Mapped[str | None] = personal(
        "contact.log", EncryptedText("contacts.outcome_note")
    )
    # S-024: when the result was told to the person, and by which way.
    feedback_at: Mapped[datetime | None]
    feedback_channel: Mapped[ContactChannel | None] = mapped_column(pg_enum(ContactChannel))
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    # Deleted then; while a dispute is open it is moved on (`uploads_worker.contacts`).
    delete_after: Mapped[datetime] = mapped_column(index=True)


class ContactNote(Base):
    """What was added to an entry later: said, tried, agreed."""

    __tablename__ = "contact_notes"
    __table_args__ = (Index("ix_contact_notes_contact_id", "contact_id", "id"),)

    id: Mapped[uuid.UUID] = key_column()
    contact_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    at: Mapped[datetime]
    note: Mapped[str] = personal("contact.log", EncryptedText("contact_notes.note"))


class RecordingKeyStatus(enum.Enum):
    """ACTIVE seals in its month; DESTROYED opens nothing, anywhere."""

    ACTIVE = "active"
    DESTROYED = "destroyed"


class RecordingKey(Base):
    """The public half of the vault key that a month's recordings are sealed to, root-signed."""

    __tablename__ = "recording_keys"
    __table_args__ = (UniqueConstraint("vault_id", "version"),)

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    # As `heyan.contacts.vault.vault_of` names the month.
    vault_id: Mapped[uuid.UUID]
    version: Mapped[int] = mapped_column(SmallInteger)
    suite: Mapped[int] = mapped_column(SmallInteger)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    status: Mapped[RecordingKeyStatus] = mapped_column(pg_enum(RecordingKeyStatus))
    # Not before this; later when a dispute still holds one of the month's recordings.
    destroy_after: Mapped[datetime] = mapped_column(index=True)
    destroyed_at: Mapped[datetime | None]


class Recording(Base):
    """A recorded call: sealed in parts, opened by nobody but the worker (D2)."""

    __tablename__ = "recordings"
    __table_args__ = (
        UniqueConstraint("contact_id", "upload_token"),
        Index("ix_recordings_due", "destroy_due_at", postgresql_where=text("state = 'sealed'")),
    )

    id: Mapped[uuid.UUID] = key_column()
    contact_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("contacts.id", ondelete="SET NULL"), index=True
    )
    state: Mapped[RecordingState] = mapped_column(pg_enum(RecordingState))
    # mp3 | m4a | wav | amr | ogg, by content.
    format: Mapped[str] = mapped_column(String(8))
    plain_bytes: Mapped[int] = mapped_column(BigInteger)
    part_count: Mapped[int] = mapped_column(Integer)
    key_id: Mapped[str] = mapped_column(ForeignKey("recording_keys.key_id"), index=True)
    upload_token: Mapped[str] = mapped_column(String(64))
    received_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    received_at: Mapped[datetime]
    destroy_due_at: Mapped[datetime]
    destroy_reason: Mapped[str] = mapped_column(String(24))
    destroyed_at: Mapped[datetime | None]


class RecordingPart(Base):
    """One sealed part of a recording: a stretch of at most `RECORDING_PART` bytes of it."""

    __tablename__ = "recording_parts"

    recording_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("recordings.id"), primary_key=True)
    # Counted from 0.
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    object_key: Mapped[str] = mapped_column(String(64), unique=True)
    object_version: Mapped[str | None] = mapped_column(String(128))
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)
