"""Requests about one's own data, who approved what, what recipients were told, and the copies."""

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
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class RightsKind(enum.Enum):
    """What is asked for."""

    ACCESS = "access"
    CORRECT = "correct"
    WITHDRAW = "withdraw"
    DELETE = "delete"
    CLOSE = "close"
    EXPLAIN = "explain"
    COMPLAINT = "complaint"
    NEXT_OF_KIN = "next_of_kin"


class RightsChannel(enum.Enum):
    """How the request came; whichever it was, it is the same record (S-050)."""

    WEB = "web"
    PHONE = "phone"
    LETTER = "letter"
    VISIT = "visit"


class RightsState(enum.Enum):
    """A request's life; transitions stand in `heyan.rights.states`."""

    OPEN = "open"
    REFUSING = "refusing"
    DONE = "done"
    REFUSED = "refused"


class RightsCheck(enum.Enum):
    """How it was made sure who asks; nothing new is demanded for it (L-18)."""

    SIGNED_IN = "signed_in"
    CALLED_BACK = "called_back"
    MET = "met"
    NOT_NEEDED = "not_needed"


class DeletionGround(enum.Enum):
    """Why something is to be deleted (PIPL 47; S-051)."""

    NO_LONGER_NEEDED = "no_longer_needed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    SERVICE_OVER = "service_over"
    UNLAWFUL = "unlawful"
    OTHER = "other"


class RefusalGround(enum.Enum):
    """The seven cases of the policy, in its order; (5) holds two (S-071)."""

    LEGAL_DUTY = "1_legal_duty"
    NATIONAL_SECURITY = "2_national_security"
    PUBLIC_INTEREST = "3_public_interest"
    CRIMINAL_JUSTICE = "4_criminal_justice"
    ABUSE_OR_VITAL_INTEREST = "5_abuse_or_vital_interest"
    HARM_TO_OTHERS = "6_harm_to_others"
    TRADE_SECRET = "7_trade_secret"  # noqa: S105 - a ground, not a password


class RightsRequest(Base):
    """One request, from the page or through a colleague, until it is answered."""

    __tablename__ = "rights_requests"
    __table_args__ = (
        CheckConstraint("(state = 'refused') <= (refusal_ground IS NOT NULL)", name="grounded"),
        CheckConstraint("(state IN ('done', 'refused')) = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("state <> 'done' OR checked_at IS NOT NULL", name="checked_first"),
        CheckConstraint("refusal_confirmed_by <> refusal_by", name="two_people"),
        CheckConstraint("fee_fen IS NULL OR fee_told_at IS NOT NULL", name="told_before_fee"),
        Index("ix_rights_requests_due", "due_at", "id", postgresql_where=text("closed_at IS NULL")),
        Index("ix_rights_requests_account", "account_id", "received_at"),
    )

    id: Mapped[uuid.UUID] = key_column()
    # Random: whoever holds it reads the answer.
    number: Mapped[str] = mapped_column(String(24), unique=True)
    kind: Mapped[RightsKind] = mapped_column(pg_enum(RightsKind))
    channel: Mapped[RightsChannel] = mapped_column(pg_enum(RightsChannel))
    state: Mapped[RightsState] = mapped_column(pg_enum(RightsState))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    student_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("students.id"), index=True)
    registration_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("registrations.id"), index=True
    )
    # The purpose of a consent, or the name of the value that is to be corrected.
    subject: Mapped[str | None] = mapped_column(String(40))
    ground: Mapped[DeletionGround | None] = mapped_column(pg_enum(DeletionGround))
    # What was asked, where to answer, and the value that is to stand instead.
    words: Mapped[str] = personal("rights.request", EncryptedText("rights_requests.words"))
    reply_to: Mapped[str | None] = personal(
        "rights.request", EncryptedText("rights_requests.reply_to")
    )
    wanted: Mapped[str | None] = personal("rights.request", EncryptedText("rights_requests.wanted"))
    received_at: Mapped[datetime]
    received_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    acknowledge_by: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    # The year's working days were not announced yet when the day was counted.
    due_provisional: Mapped[bool]
    checked_at: Mapped[datetime | None]
    checked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    check: Mapped[RightsCheck | None] = mapped_column(pg_enum(RightsCheck))
    # What showed who asks (for next of kin: death and kinship); emptied when the case closes.
    proof: Mapped[str | None] = personal("rights.proof", EncryptedText("rights_requests.proof"))
    answer: Mapped[str | None] = personal("rights.request", EncryptedText("rights_requests.answer"))
    answered_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    refusal_ground: Mapped[RefusalGround | None] = mapped_column(pg_enum(RefusalGround))
    refusal_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    refusal_confirmed_by: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("accounts.id"), index=True
    )
    fee_told_at: Mapped[datetime | None]
    fee_fen: Mapped[int | None] = mapped_column(Integer)
    # What the work cost and how that was counted; no personal data.
    fee_record: Mapped[str | None] = mapped_column(String(400))
    reminded_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    # Deletion and closing: when it was seen that nothing is left where it was.
    verified_at: Mapped[datetime | None]


class RightsApproval(Base):
    """One colleague's approval of a next of kin's request; two are needed, nobody counts twice."""

    __tablename__ = "rights_approvals"

    request_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("rights_requests.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, index=True
    )
    at: Mapped[datetime]


class PartyNews(enum.Enum):
    """What a recipient of somebody's data was told."""

    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"


class RightsParty(Base):
    """A recipient that was told, and whether it has confirmed that it acted (S-049, S-057)."""

    __tablename__ = "rights_parties"
    __table_args__ = (
        Index(
            "ix_rights_parties_open",
            "organization_id",
            "told_at",
            postgresql_where=text("confirmed_at IS NULL"),
        ),
        Index("ix_rights_parties_account", "account_id"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    registration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registrations.id"), index=True)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"))
    news: Mapped[PartyNews] = mapped_column(pg_enum(PartyNews))
    told_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)


class CopyState(enum.Enum):
    """A copy's life: ordered, built and sealed, gone."""

    ORDERED = "ordered"
    READY = "ready"
    DESTROYED = "destroyed"


class AccessCopy(Base):
    """A copy of everything held about an account: an age file that the web alone can open.

    ``facts`` is what the worker may not read for itself, put there by the web and emptied when
    the copy is made. ``opener`` is the age identity, encrypted with a key that the worker lacks.
    """

    __tablename__ = "access_copies"
    __table_args__ = (
        Index("ix_access_copies_account", "account_id", "ordered_at"),
        Index(
            "ix_access_copies_live",
            "expires_at",
            postgresql_where=text("destroyed_at IS NULL"),
        ),
        CheckConstraint("expires_at <= ordered_at + interval '72 hours'", name="three_days"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    request_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("rights_requests.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[CopyState] = mapped_column(pg_enum(CopyState))
    facts: Mapped[str | None] = personal("rights.copy", EncryptedText("access_copies.facts"))
    recipient: Mapped[str] = mapped_column(String(100))
    opener: Mapped[bytes | None] = mapped_column(LargeBinary)
    object_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    ordered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ready_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
