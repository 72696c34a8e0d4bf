"""Organizers (主办单位)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String
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
    # Set by the second person's approval alone.
    active: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime]


class Onboarding(Base):
    """Who proposed an organizer and who let it in: two people (REQUIREMENTS L1).

    Without a row the organizer was there before this rule; with one it is active only when
    ``approved_by`` is somebody else than ``proposed_by``.
    """

    __tablename__ = "organization_onboardings"
    __table_args__ = (CheckConstraint("approved_by <> proposed_by", name="two_people"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("organizations.id"), primary_key=True
    )
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    approved_at: Mapped[datetime | None]
