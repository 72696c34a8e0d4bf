"""The register of impact assessments, and what was handed in about minors' data each year."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column


class Assessment(Base):
    """What was weighed before a processing began (PIPL 55, 56; J5, L-25); no personal data.

    ``covers`` are the kinds of documents that the event asked for when it was weighed: one that
    asks for more is not assessed any more.
    """

    __tablename__ = "assessments"
    __table_args__ = (
        CheckConstraint("confirmed_by <> written_by", name="two_people"),
        CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_by_somebody"
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    event_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("events.id"), index=True)
    subject: Mapped[str] = mapped_column(String(200))
    covers: Mapped[list[str]] = mapped_column(JSONB)
    necessity: Mapped[str] = mapped_column(Text)
    risks: Mapped[str] = mapped_column(Text)
    measures: Mapped[str] = mapped_column(Text)
    conclusion: Mapped[str] = mapped_column(Text)
    # What the measures leave is still a high risk: it goes no further like that (PIPL 55, S-109).
    high_risk: Mapped[bool] = mapped_column(default=False)
    written_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    written_at: Mapped[datetime]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    confirmed_at: Mapped[datetime | None]
    review_at: Mapped[datetime]


class MinorsAudit(Base):
    """The yearly audit of minors' data as it was finished: figures and findings (J4, L-07)."""

    __tablename__ = "minors_audits"

    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    findings: Mapped[str] = mapped_column(Text)
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    written_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    written_at: Mapped[datetime]
