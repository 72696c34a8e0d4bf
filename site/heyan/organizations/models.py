"""Organizers (主办单位)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Boolean, String
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column


class Organization(Base):
    """An organizer: the only party a document is ever handed to.

    ``version`` counts changes of what a person agreed to (name, contact, purpose, means): a
    consent to hand over names the version it was given for (PIPL 23, CONTROLS L-03).
    """

    __tablename__ = "organizations"

    id: Mapped[uuid.UUID] = key_column()
    name: Mapped[str] = mapped_column(String(120), unique=True)
    contact: Mapped[str] = mapped_column(String(200))
    # independent | joint | principal (CONTROLS Q21)
    processing_role: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime]
