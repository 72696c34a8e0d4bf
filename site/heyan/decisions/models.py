"""Drafted and published decisions of an organizer, bound to the document's digest."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column, personal, pg_enum


class Outcome(enum.Enum):
    """What the organizer found."""

    ACCEPTED = "accepted"
    RETURNED = "returned"


class ReasonCode(enum.Enum):
    """Why a document came back (REQUIREMENTS L3); sentences stand in `decisions.reasons`."""

    BLURRED = "blurred"
    CROPPED = "cropped"
    GLARE = "glare"
    WRONG_DOCUMENT = "wrong_document"
    WRONG_SIDE = "wrong_side"
    EXPIRED = "expired"
    MISMATCH = "mismatch"
    OBSCURED = "obscured"
    OTHER = "other"


class DecisionDraft(Base):
    """Partial work at the desk: kept, changed and undone freely until it is published."""

    __tablename__ = "decision_drafts"
    __table_args__ = (
        CheckConstraint("outcome = 'accepted' OR reason_code IS NOT NULL", name="reasoned"),
    )

    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("releases.id"), index=True)
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[Outcome] = mapped_column(pg_enum(Outcome))
    reason_code: Mapped[ReasonCode | None] = mapped_column(pg_enum(ReasonCode))
    reason_text: Mapped[str] = personal("decision", Text, default="")
    # desk | file
    source: Mapped[str] = mapped_column(String(8))
    drafted_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    updated_at: Mapped[datetime]


class Decision(Base):
    """A published decision. Append-only: a later one corrects, it does not replace the row."""

    __tablename__ = "decisions"
    __table_args__ = (
        CheckConstraint("outcome = 'accepted' OR reason_code IS NOT NULL", name="reasoned"),
        Index("ix_decisions_document_published", "document_id", "published_at"),
    )

    id: Mapped[uuid.UUID] = key_column()
    document_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("documents.id"))
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("releases.id"), index=True)
    ciphertext_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[Outcome] = mapped_column(pg_enum(Outcome))
    reason_code: Mapped[ReasonCode | None] = mapped_column(pg_enum(ReasonCode))
    reason_text: Mapped[str] = personal("decision", Text, default="")
    # desk | file
    source: Mapped[str] = mapped_column(String(8))
    decided_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    published_at: Mapped[datetime]
