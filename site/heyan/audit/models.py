"""Audit entries (append-only) and the chain the worker lays over them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, personal


class AuditEntry(Base):
    """One act on personal data or on a safeguard. Holds ids, never a person's values."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject_id", "subject_kind"),
        # Whom a page of many showed (S-092).
        Index(
            "ix_audit_entries_details",
            "details",
            postgresql_using="gin",
            postgresql_ops={"details": "jsonb_path_ops"},
            postgresql_where=text("details ? 'ids'"),
        ),
        Index("ix_audit_entries_actor", "actor_id"),
        # What was refused or failed is little, and looked for most.
        Index(
            "ix_audit_entries_outcome",
            "outcome",
            "id",
            postgresql_where=text("outcome <> 'done'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[uuid.UUID | None]
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = personal("audit", INET)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)


class AuditLink(Base):
    """An entry's place in the chain: hash(previous hash, canonical entry)."""

    __tablename__ = "audit_chain"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(ForeignKey("audit_entries.id"), unique=True)
    prev: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditSeal(Base):
    """The root's signature over the chain's head at a moment (a DSSE envelope)."""

    __tablename__ = "audit_seals"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    envelope: Mapped[str] = mapped_column(Text)
