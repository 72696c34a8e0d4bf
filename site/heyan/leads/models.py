"""Leads: people who asked to be called back."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class LeadStatus(enum.Enum):
    """Where a lead is in the queue."""

    OPEN = "open"
    ASSIGNED = "assigned"
    CLOSED = "closed"


class LeadOutcome(enum.Enum):
    """How the call ended."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    REGISTERED = "registered"
    NOT_INTERESTED = "not_interested"
    DO_NOT_CONTACT = "do_not_contact"
    INVALID = "invalid"
    # Another lead of the same person goes on; an account was opened for the person.
    DUPLICATE = "duplicate"
    ACCOUNT_OPENED = "account_opened"


class Lead(Base):
    """A name and a number, left to be called back once."""

    __tablename__ = "leads"
    __table_args__ = (
        # A repeat updates the open lead (B2).
        Index(
            "uq_leads_live_phone",
            "phone_index",
            unique=True,
            postgresql_where=text("status <> 'closed'"),
        ),
        # The queue, by what is due first, and what is done with, by what was settled last.
        Index("ix_leads_live_due", "due_at", "id", postgresql_where=text("status <> 'closed'")),
        Index(
            "ix_leads_closed_updated",
            "updated_at",
            "id",
            postgresql_where=text("status = 'closed'"),
        ),
        # All of a number's leads, and the queue as one caller, or nobody yet, has it.
        Index("ix_leads_phone_index", "phone_index", "id"),
        Index(
            "ix_leads_live_mine",
            "assigned_to",
            "due_at",
            "id",
            postgresql_where=text("status <> 'closed'"),
        ),
        Index(
            "ix_leads_live_free",
            "due_at",
            "id",
            postgresql_where=text("status <> 'closed' AND assigned_to IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    name: Mapped[str] = personal("lead.contact", EncryptedText("leads.name"))
    phone: Mapped[str] = personal("lead.contact", EncryptedText("leads.phone"))
    phone_index: Mapped[bytes] = personal("lead.contact", LargeBinary)
    event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("events.id"), index=True)
    # any | morning | afternoon | evening
    call_time: Mapped[str] = mapped_column(String(16), default="any")
    times_asked: Mapped[int] = mapped_column(Integer, default=1)
    status: Mapped[LeadStatus] = mapped_column(pg_enum(LeadStatus))
    outcome: Mapped[LeadOutcome | None] = mapped_column(pg_enum(LeadOutcome))
    note: Mapped[str | None] = personal("lead.contact", EncryptedText("leads.note"))
    assigned_to: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    # The lead of the same person that goes on, and the account the person has by now.
    duplicate_of: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("leads.id", ondelete="SET NULL"), index=True
    )
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # Deleted then (90 days from the last contact).
    delete_after: Mapped[datetime] = mapped_column(index=True)


class DoNotContact(Base):
    """Numbers that asked not to be called, as blind indexes only (S-019)."""

    __tablename__ = "do_not_contact"

    phone_index: Mapped[bytes] = personal("lead.refusal", LargeBinary, primary_key=True)
    at: Mapped[datetime]
