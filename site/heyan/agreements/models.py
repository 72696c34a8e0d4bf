"""Agreements with those who get or process data for us, their documents and breaches."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class AgreementStatus(enum.Enum):
    """Where an agreement stands; only an active one within its dates binds."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Agreement(Base):
    """What one party bound itself to, from when until when, and who let it count: two people."""

    __tablename__ = "agreements"
    __table_args__ = (
        CheckConstraint("approved_by <> proposed_by", name="two_people"),
        CheckConstraint("valid_until > valid_from", name="dates"),
        CheckConstraint("(kind = 'organizer') = (organization_id IS NOT NULL)", name="party"),
        Index("ix_agreements_until", "status", "valid_until"),
    )

    id: Mapped[uuid.UUID] = key_column()
    # organizer | logistics | sms | mail | hosting | payment
    kind: Mapped[str] = mapped_column(String(16))
    organization_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("organizations.id"), index=True
    )
    party: Mapped[str] = mapped_column(String(120))
    # independent | joint | entrusted (PIPL 20, 21, 23; CONTROLS Q21)
    role: Mapped[str] = mapped_column(String(16))
    clauses: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    valid_from: Mapped[datetime]
    # Exclusive: the first moment it no longer binds.
    valid_until: Mapped[datetime]
    status: Mapped[AgreementStatus] = mapped_column(pg_enum(AgreementStatus))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
    suspended_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    suspended_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # That the party destroyed or gave back what it had (L-12); due from the end on.
    deletion_confirmed_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id"), index=True
    )
    deletion_confirmed_at: Mapped[datetime | None]
    # The last reminder that went out, in days before the end: 60, 14, 0.
    reminded_days: Mapped[int | None] = mapped_column(SmallInteger)


class AgreementDocument(Base):
    """The signed agreement as PDF, encrypted; it is only ever sent as a file, never shown."""

    __tablename__ = "agreement_documents"

    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agreements.id"), primary_key=True)
    # The PDF in base64, because encrypted columns hold text.
    content: Mapped[str] = personal(
        "agreement.document", EncryptedText("agreement_documents.content"), deferred=True
    )
    # In bytes, of the file itself.
    size: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    uploaded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    uploaded_at: Mapped[datetime]


class AgreementBreach(Base):
    """What a party did against its agreement, and what was done about it (S-104)."""

    __tablename__ = "agreement_breaches"

    id: Mapped[uuid.UUID] = key_column()
    agreement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agreements.id"), index=True)
    happened_at: Mapped[datetime]
    what: Mapped[str] = mapped_column(Text)
    measures: Mapped[str] = mapped_column(Text)
    recorded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    recorded_at: Mapped[datetime]
