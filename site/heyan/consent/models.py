"""The consent ledger: append-only, for the web's database role too."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal


class ConsentRecord(Base):
    """One grant or withdrawal: who, what for, under which text, when, from where (A2)."""

    __tablename__ = "consent_records"
    __table_args__ = (
        Index("ix_consent_records_account_purpose", "account_id", "purpose"),
        Index("ix_consent_records_registration_purpose", "registration_id", "purpose"),
        # By the call in which somebody agreed to be recorded.
        Index(
            "ix_consent_records_calls",
            "details",
            postgresql_using="gin",
            postgresql_ops={"details": "jsonb_path_ops"},
            postgresql_where=text("purpose = 'call_recording'"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    # Exactly one of account and lead says who; student and registration narrow it.
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    lead_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    student_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("students.id"), index=True)
    registration_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("registrations.id"))
    purpose: Mapped[str] = mapped_column(String(40))
    granted: Mapped[bool]
    policy_version: Mapped[str] = mapped_column(String(24))
    policy_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    text_shown: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    source: Mapped[str] = personal("consent", EncryptedText("consent_records.source"))
    user_agent: Mapped[str] = personal("consent", EncryptedText("consent_records.user_agent"))
    # For a hand-over: {"organization_id": …, "organization_version": …}.
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    # A guardian's name, relation and phone (JSON), for a student under 14.
    guardian: Mapped[str | None] = personal(
        "consent.guardian", EncryptedText("consent_records.guardian")
    )


class ConsentReceipt(Base):
    """The root-signed receipt (DSSE envelope) of one line of an account's ledger."""

    __tablename__ = "consent_receipts"

    consent_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("consent_records.id", ondelete="CASCADE"), primary_key=True
    )
    envelope: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime]
