"""The end of the service as it was announced, and who was told."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column


class ServiceEnding(Base):
    """The day on which the service ends; at most one stands (H5, S-078, S-079)."""

    __tablename__ = "service_endings"
    __table_args__ = (
        CheckConstraint("approved_by <> proposed_by", name="two_people"),
        CheckConstraint("cancelled_by <> cancel_asked_by", name="two_people_cancel"),
        CheckConstraint(
            "(ended_at IS NULL) = (certificate IS NULL)", name="ended_with_certificate"
        ),
        Index(
            "uq_service_endings_standing",
            text("(true)"),
            unique=True,
            postgresql_where=text("cancelled_at IS NULL"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    ends_at: Mapped[datetime]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
    cancel_asked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    cancel_asked_at: Mapped[datetime | None]
    cancelled_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    cancelled_at: Mapped[datetime | None]
    # What the law keeps of every account is sealed: the accounts may be emptied.
    archived_at: Mapped[datetime | None]
    # The final destruction has begun: from here on nothing is cancelled.
    begun_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    certificate: Mapped[str | None] = mapped_column(Text)


class EndingNotice(Base):
    """An account that was told of the end."""

    __tablename__ = "ending_notices"

    ending_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("service_endings.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, index=True
    )
    told_at: Mapped[datetime]
