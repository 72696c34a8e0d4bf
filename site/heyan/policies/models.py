"""Published versions of the privacy policy and the user agreement (append-only)."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, String, Text, UniqueConstraint
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
    material: Mapped[bool] = mapped_column(default=False)
    published_at: Mapped[datetime]
