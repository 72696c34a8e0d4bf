"""Versions of the privacy policy and the user agreement, their drafts, who was told, who agreed."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column, pg_enum


class PolicyKind(enum.Enum):
    """What is agreed to."""

    PRIVACY = "privacy"
    AGREEMENT = "agreement"


class PolicyVersion(Base):
    """One version, with the text as it was shown and its SHA-256."""

    __tablename__ = "policy_versions"
    __table_args__ = (UniqueConstraint("kind", "version"),)

    id: Mapped[uuid.UUID] = key_column()
    kind: Mapped[PolicyKind] = mapped_column(pg_enum(PolicyKind))
    version: Mapped[str] = mapped_column(String(24))
    effective_at: Mapped[datetime] = mapped_column(index=True)
    # {"zh": [sections], "en": [sections]}: what the page renders, frozen.
    # Large, and wanted on the policy's own pages only.
    content: Mapped[dict[str, Any]] = mapped_column(JSONB, deferred=True)
    content_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    changes: Mapped[str] = mapped_column(Text, default="")
    changes_en: Mapped[str] = mapped_column(Text, default="")
    material: Mapped[bool] = mapped_column(default=False)
    # Values of `ChangeKind`: what makes it material (S-109).
    kinds: Mapped[list[str]] = mapped_column(JSONB, default=list)
    # Who takes the information over and how to reach them, when owners change (L-13).
    new_owner: Mapped[str] = mapped_column(Text, default="")
    published_at: Mapped[datetime]


class ChangeKind(enum.Enum):
    """The six kinds of change of which people must be told (S-109)."""

    SERVICE = "service"
    RIGHTS = "rights"
    OWNERSHIP = "ownership"
    RECIPIENTS = "recipients"
    CONTACT = "contact"
    HIGH_RISK = "high_risk"


class PolicyDraft(Base):
    """A version that one person put forward; it is published once another approved it."""

    __tablename__ = "policy_drafts"
    __table_args__ = (
        CheckConstraint("decided_by <> proposed_by OR NOT approved", name="two_people"),
        # One at a time for each kind.
        Index("uq_policy_drafts_open", "kind", unique=True, postgresql_where="decided_at IS NULL"),
    )

    id: Mapped[uuid.UUID] = key_column()
    kind: Mapped[PolicyKind] = mapped_column(pg_enum(PolicyKind))
    version: Mapped[str] = mapped_column(String(24))
    effective_at: Mapped[datetime]
    content: Mapped[dict[str, Any]] = mapped_column(JSONB, deferred=True)
    content_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    changes: Mapped[str] = mapped_column(Text)
    changes_en: Mapped[str] = mapped_column(Text, default="")
    material: Mapped[bool]
    kinds: Mapped[list[str]] = mapped_column(JSONB, default=list)
    new_owner: Mapped[str] = mapped_column(Text, default="")
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    # Approved, or given up.
    approved: Mapped[bool] = mapped_column(default=False)
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    decided_at: Mapped[datetime | None]


class PolicySaid(enum.Enum):
    """What a person said to changed terms; ``later`` only until they are in force."""

    AGREED = "agreed"
    DECLINED = "declined"
    LATER = "later"


class PolicyAnswer(Base):
    """One answer of one account to one version (append-only; the latest counts)."""

    __tablename__ = "policy_answers"
    __table_args__ = (Index("ix_policy_answers_account", "account_id", "policy_id", "id"),)

    id: Mapped[uuid.UUID] = key_column()
    policy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy_versions.id"), index=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    said: Mapped[PolicySaid] = mapped_column(pg_enum(PolicySaid))
    at: Mapped[datetime]


class PolicyNotice(Base):
    """That one account was told of one version, by which channels, and reminded."""

    __tablename__ = "policy_notices"

    policy_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("policy_versions.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, index=True
    )
    mailed: Mapped[bool]
    texted: Mapped[bool]
    told_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
