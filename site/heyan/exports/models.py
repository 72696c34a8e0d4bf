"""What an export was asked for to hold; the rows themselves stand nowhere but in its file."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column, pg_enum


class ExportKind(enum.Enum):
    """Which list."""

    LEADS = "leads"
    CONTACTS = "contacts"


class Export(Base):
    """The scope that approvers agree to: a view of the queue of callbacks, or a period of the log.

    The web writes it once and cannot change it; the worker adds what it held.
    """

    __tablename__ = "exports"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'leads' AND view <> '' AND since IS NULL AND until IS NULL) OR"
            " (kind = 'contacts' AND view = '' AND since < until)",
            name="scope",
        ),
        CheckConstraint("rows_asked > 0", name="rows_asked"),
        CheckConstraint("rows_built <= rows_asked", name="no_more_than_asked"),
    )

    id: Mapped[uuid.UUID] = key_column()
    requester_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[ExportKind] = mapped_column(pg_enum(ExportKind))
    # One of `heyan.leads.queue.View`; empty for the log.
    view: Mapped[str] = mapped_column(String(16), default="")
    # Entries from *since* up to *until* (exclusive).
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    # What came later is not in it.
    asked_at: Mapped[datetime] = mapped_column(index=True)
    rows_asked: Mapped[int] = mapped_column(Integer)
    rows_built: Mapped[int | None] = mapped_column(Integer)
    built_at: Mapped[datetime | None]
