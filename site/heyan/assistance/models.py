"""Tables of accounts opened by the company, codes to get back in, slow changes, and freezes."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import (
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

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class DataSource(Base):
    """Where people's data came from, and the written commitment that they agreed (K3, S-103)."""

    __tablename__ = "data_sources"

    id: Mapped[uuid.UUID] = key_column()
    # The party that gave the data; an organizer has to be bound by an agreement.
    party: Mapped[str] = mapped_column(String(120))
    organization_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("organizations.id"), index=True
    )
    # Which document says that consent was obtained: its title, number and date.
    commitment: Mapped[str] = mapped_column(Text)
    # For what the people agreed that the data be used.
    scope: Mapped[str] = mapped_column(Text)
    recorded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    recorded_at: Mapped[datetime]


class OpenedAccount(Base):
    """An account that the company opened, and when its owner was told from where the data came."""

    __tablename__ = "opened_accounts"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    # None where the person asked for the account themselves.
    source_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("data_sources.id"), index=True)
    opened_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    opened_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    agreed_at: Mapped[datetime | None]


class CodePurpose(enum.Enum):
    """What a code may be used for, and for nothing else."""

    RESET = "reset"
    FREEZE = "freeze"


class AccountCode(Base):
    """A short code for the owner alone; only its keyed digest is here."""

    __tablename__ = "account_codes"
    __table_args__ = (
        Index(
            "uq_account_codes_open",
            "account_id",
            "purpose",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    purpose: Mapped[CodePurpose] = mapped_column(pg_enum(CodePurpose))
    # sms | callback
    way: Mapped[str] = mapped_column(String(16))
    code_hash: Mapped[bytes] = personal("account.credentials", LargeBinary)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    issued_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    # Used, used up or replaced.
    ended_at: Mapped[datetime | None]


class ChangeKind(enum.Enum):
    """What a slow change replaces."""

    PHONE = "phone"
    FACTOR = "factor"


class AccountChange(Base):
    """A lost number or a lost second factor on its way: two clerks, then 72 hours (Q2, C-34)."""

    __tablename__ = "account_changes"
    __table_args__ = (
        CheckConstraint("confirmed_by <> asked_by", name="two_people"),
        CheckConstraint("(confirmed_at IS NULL) = (due_at IS NULL)", name="due_once_confirmed"),
        Index(
            "uq_account_changes_open",
            "account_id",
            "kind",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_account_changes_new_login", "new_login_index"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[ChangeKind] = mapped_column(pg_enum(ChangeKind))
    new_login: Mapped[str | None] = personal(
        "account.contact", EncryptedText("account_changes.new_login")
    )
    new_login_index: Mapped[bytes | None] = personal("account.contact", LargeBinary)
    # in_person | organizer
    proof: Mapped[str] = mapped_column(String(16))
    # What was looked at, as codes: no copy, no number (id_document, registration_receipt, …).
    checked: Mapped[str] = mapped_column(String(64))
    asked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    asked_at: Mapped[datetime]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    confirmed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    # done | stopped | declined
    outcome: Mapped[str | None] = mapped_column(String(16))
    ended_at: Mapped[datetime | None]


class AccountFreeze(Base):
    """An account said to be in strange hands: no sign-in, no document released until reset."""

    __tablename__ = "account_freezes"
    __table_args__ = (
        Index(
            "uq_account_freezes_open",
            "account_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    # owner | staff
    reported_by: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
