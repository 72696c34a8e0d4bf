"""Legal holds, the record of each sweep, the sealed archive, and authorities' orders for it."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class HoldSubject(enum.Enum):
    """What an order can keep; a hold on one covers what hangs on it (`holds.covers`)."""

    ACCOUNT = "account"
    STUDENT = "student"
    REGISTRATION = "registration"
    DOCUMENT = "document"
    LEAD = "lead"
    CONTACT = "contact"


class LegalHold(Base):
    """An authority's order that something be kept beyond its period (H3, S-059)."""

    __tablename__ = "legal_holds"
    __table_args__ = (
        CheckConstraint("approved_by <> asked_by", name="two_people"),
        CheckConstraint("released_by <> release_asked_by", name="two_people_release"),
        Index(
            "ix_legal_holds_live",
            "subject_kind",
            "subject_id",
            postgresql_where=text("released_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    subject_kind: Mapped[HoldSubject] = mapped_column(pg_enum(HoldSubject))
    subject_id: Mapped[uuid.UUID]
    authority: Mapped[str] = mapped_column(String(120))
    order_number: Mapped[str] = mapped_column(String(80))
    statute: Mapped[str] = mapped_column(String(160))
    scope: Mapped[str] = personal("legal.order", EncryptedText("legal_holds.scope"))
    ends_at: Mapped[datetime]
    asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    asked_at: Mapped[datetime]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    release_asked_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id"), index=True
    )
    release_asked_at: Mapped[datetime | None]
    released_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    released_at: Mapped[datetime | None]


class SweepRun(Base):
    """What one sweep did: counts by rule, what was left past its day, and what failed (S-075)."""

    __tablename__ = "sweep_runs"

    id: Mapped[uuid.UUID] = key_column()
    began_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    # Counts by rule: destroyed or deleted; past their last day afterwards (to be nothing at all).
    done: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    overdue: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    failed: Mapped[list[Any]] = mapped_column(JSONB, default=list)


class ArchiveItem(Base):
    """One sealed object of the legal archive: the site and its worker cannot open it (G6)."""

    __tablename__ = "archive_items"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    statute: Mapped[str] = mapped_column(String(160))
    # The age ciphertext waits here for the worker, who moves it into the object store.
    waiting: Mapped[bytes | None] = mapped_column(LargeBinary)
    object_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    ciphertext_bytes: Mapped[int] = mapped_column(Integer)
    sealed_at: Mapped[datetime]
    destroy_due_at: Mapped[datetime] = mapped_column(index=True)
    destroyed_at: Mapped[datetime | None]


class AuthorityQuery(Base):
    """An authority's order to be given part of the archive (S-065)."""

    __tablename__ = "authority_queries"
    __table_args__ = (CheckConstraint("approved_by <> asked_by", name="two_people"),)

    id: Mapped[uuid.UUID] = key_column()
    authority: Mapped[str] = mapped_column(String(120))
    order_number: Mapped[str] = mapped_column(String(80))
    statute: Mapped[str] = mapped_column(String(160))
    scope: Mapped[str] = personal("legal.order", EncryptedText("authority_queries.scope"))
    # Ids of accounts: no object of another is handed out.
    account_ids: Mapped[list[Any]] = mapped_column(JSONB)
    asked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    handed_at: Mapped[datetime | None]
    handed_objects: Mapped[int | None] = mapped_column(Integer)
