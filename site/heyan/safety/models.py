"""Flags, whom they concern, what people did about them; and what duplicates are found by."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class FlagKind(enum.Enum):
    """What was noticed; words and rules stand in `heyan.safety.rules`."""

    SAME_NUMBER = "same_number"
    SAME_FILE = "same_file"
    MANY_ACCOUNTS = "many_accounts"
    TWO_NETWORKS = "two_networks"


class FlagState(enum.Enum):
    """OPEN until a person decides; a program never leaves OPEN (L-14)."""

    OPEN = "open"
    CLEARED = "cleared"
    STOPPED = "stopped"


class FlagAct(enum.Enum):
    """What a person did about a flag. HOLD and RESUME are for the time of looking into it."""

    HOLD = "hold"
    RESUME = "resume"
    ASK = "ask"
    TELL = "tell"
    CLEAR = "clear"
    STOP = "stop"


class SafetyFlag(Base):
    """Something that a person is to look at. It says what was noticed, never a value."""

    __tablename__ = "safety_flags"
    __table_args__ = (
        Index("ix_safety_flags_state", "state", "id"),
        # Whoever comes second at the same moment finds the first one's flag.
        Index(
            "uq_safety_flags_account",
            "kind",
            "account_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "uq_safety_flags_source",
            "source_index",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
    )

    id: Mapped[uuid.UUID] = key_column()
    kind: Mapped[FlagKind] = mapped_column(pg_enum(FlagKind))
    state: Mapped[FlagState] = mapped_column(pg_enum(FlagState))
    # Set for what was found within one event.
    event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("events.id"), index=True)
    # Set for two networks.
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    # Set for many accounts of one source.
    source_index: Mapped[bytes | None] = personal("safety.flag", LargeBinary)
    raised_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    delete_after: Mapped[datetime] = mapped_column(index=True)


class SafetySubject(Base):
    """One registration or account that a flag is about, and whether a person holds it back."""

    __tablename__ = "safety_subjects"
    __table_args__ = (
        UniqueConstraint("flag_id", "registration_id"),
        UniqueConstraint("flag_id", "account_id", name="uq_safety_subjects_flag_account"),
        CheckConstraint("num_nonnulls(registration_id, account_id) = 1", name="one_subject"),
        # A hold is somebody's.
        CheckConstraint("(held_at IS NULL) = (held_by IS NULL)", name="held_by_somebody"),
    )

    id: Mapped[uuid.UUID] = key_column()
    flag_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("safety_flags.id", ondelete="CASCADE"))
    registration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("registrations.id"), index=True
    )
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    # Since when its documents stay out of batches, and who said so.
    held_at: Mapped[datetime | None]
    held_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)


class SafetyAct(Base):
    """One thing that a person did about a flag, and why (append-only)."""

    __tablename__ = "safety_acts"

    id: Mapped[uuid.UUID] = key_column()
    flag_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("safety_flags.id", ondelete="CASCADE"), index=True
    )
    act: Mapped[FlagAct] = mapped_column(pg_enum(FlagAct))
    by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    at: Mapped[datetime]
    note: Mapped[str] = personal("safety.flag", EncryptedText("safety_acts.note"))


class SafetySource(Base):
    """From where an account was opened, as a blind index, for as long as accounts are counted."""

    __tablename__ = "safety_sources"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    source_index: Mapped[bytes] = personal("security_log", LargeBinary, index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class SealedDigest(Base):
    """SHA-256 of an uploaded file, sealed to the event's vault key: the web cannot open it again.

    The worker opens it once, keeps a keyed digest in its place and deletes the row.
    """

    __tablename__ = "safety_sealed"

    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    registration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registrations.id"), index=True)
    sealed: Mapped[bytes] = personal("safety.mark", LargeBinary)
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)
    vault_key_id: Mapped[str] = mapped_column(String(32))


class MarkKind(enum.Enum):
    """Of what a keyed digest is."""

    NUMBER = "number"
    FILE = "file"


class SafetyMark(Base):
    """A digest under a key derived from the event's vault key; the web may not read this table.

    ``subject_id`` is the registration (number) or the document (file).
    """

    __tablename__ = "safety_marks"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_safety_marks_same", "event_id", "kind", "key_id", "keyed_digest"),
    )

    id: Mapped[uuid.UUID] = key_column()
    kind: Mapped[MarkKind] = mapped_column(pg_enum(MarkKind))
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    registration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registrations.id"), index=True)
    student_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("students.id"), index=True)
    subject_id: Mapped[uuid.UUID]
    # The vault key from which the digest's key was derived.
    key_id: Mapped[str] = mapped_column(String(32))
    keyed_digest: Mapped[bytes] = personal("safety.mark", LargeBinary)
