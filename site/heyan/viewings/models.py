"""Keys of people on the staff, and what was opened for one of them."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column, pg_enum


class StaffKeyStatus(enum.Enum):
    """From proposal to pin; transitions stand in `heyan.viewings.states`."""

    PROPOSED = "proposed"
    PROVEN = "proven"
    CONFIRMED = "confirmed"
    PINNED = "pinned"
    REJECTED = "rejected"
    REVOKED = "revoked"


class StaffKey(Base):
    """The public age key of one person on the staff. The private half was never here.

    The row says what people agreed to; what the worker trusts is its own keyring (rule 4).
    """

    __tablename__ = "staff_keys"
    __table_args__ = (
        CheckConstraint("confirmed_by <> account_id", name="not_own"),
        Index(
            "uq_staff_keys_pinned",
            "account_id",
            unique=True,
            postgresql_where=text("status = 'pinned'"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    recipient: Mapped[str] = mapped_column(String(100), unique=True)
    status: Mapped[StaffKeyStatus] = mapped_column(pg_enum(StaffKeyStatus), index=True)
    # SHA-256 of the challenge's plaintext; the ciphertext is shown to the browser.
    challenge_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    challenge: Mapped[str | None] = mapped_column(Text)
    challenge_until: Mapped[datetime | None]
    proposed_at: Mapped[datetime]
    proven_at: Mapped[datetime | None]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    confirmed_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # lost | leaked | person_left | rotation | replaced | unpinned | rejected
    ended_reason: Mapped[str | None] = mapped_column(String(24))


class ViewingState(enum.Enum):
    """A viewing's life; transitions stand in `heyan.viewings.states`."""

    ORDERED = "ordered"
    OFFERED = "offered"
    FAILED = "failed"
    DESTROYED = "destroyed"


class Viewing(Base):
    """What one approved request opens for the one who asked: an age file that only they open."""

    __tablename__ = "viewings"
    __table_args__ = (
        Index("ix_viewings_requester_ordered", "requester_id", "ordered_at"),
        Index("ix_viewings_live", "expires_at", postgresql_where=text("destroyed_at IS NULL")),
        CheckConstraint("state <> 'destroyed' OR destroyed_at IS NOT NULL", name="destroyed"),
        CheckConstraint("expires_at <= ordered_at + interval '24 hours'", name="one_day"),
    )

    id: Mapped[uuid.UUID] = key_column()
    # The approved request; one request opens once.
    request_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    requester_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    # document | recording | export
    subject_kind: Mapped[str] = mapped_column(String(16))
    state: Mapped[ViewingState] = mapped_column(pg_enum(ViewingState))
    # The pinned key it was made for, as text, since the pin and not the row decides.
    recipient: Mapped[str | None] = mapped_column(String(100))
    object_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    file_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    # DSSE envelope of the manifest.
    manifest: Mapped[str | None] = mapped_column(Text)
    included_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    # approval | recipient | subjects | nothing
    problem: Mapped[str | None] = mapped_column(String(24))
    ordered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    offered_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]


class ViewingItem(Base):
    """One document, recording or list of a viewing; ``problem`` says why it is not in the file."""

    __tablename__ = "viewing_items"

    viewing_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("viewings.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)
    problem: Mapped[str | None] = mapped_column(String(24))
