"""In-site notices."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column


class Notice(Base):
    """Something an account should know; ``kind`` picks the wording, ``params`` are ids."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_account_at", "account_id", "at"),)

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
