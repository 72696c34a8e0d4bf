"""Visitors who agreed, what they looked at, and the sums that outlive both."""

from __future__ import annotations

import enum
import uuid
from datetime import date, datetime

from sqlalchemy import ForeignKey, LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class HitKind(enum.Enum):
    """What was counted."""

    VIEW = "view"
    CLICK = "click"


class Dimension(enum.Enum):
    """What a day's sums are by."""

    DAY = "day"
    PAGE = "page"
    CLICK = "click"
    SYSTEM = "system"
    DEVICE = "device"


class UsageVisitor(Base):
    """A browser whose owner agreed; no row, nothing is counted (A6, S-037).

    ``visitor_index`` is a keyed digest of the cookie's random value: neither an account's nor a
    person's.
    """

    __tablename__ = "usage_visitors"

    visitor_index: Mapped[bytes] = personal("usage", LargeBinary, primary_key=True)
    consent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("consent_records.id"), index=True)
    until: Mapped[datetime] = mapped_column(index=True)


class UsageHit(Base):
    """One page shown or one button pressed; never a page of somebody's own (S-038)."""

    __tablename__ = "usage_hits"

    id: Mapped[uuid.UUID] = key_column()
    visitor_index: Mapped[bytes] = personal("usage", LargeBinary, index=True)
    # To the minute.
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[HitKind] = mapped_column(pg_enum(HitKind))
    page: Mapped[str] = mapped_column(String(40))
    click: Mapped[str] = mapped_column(String(20), default="")
    system: Mapped[str] = mapped_column(String(20))
    device: Mapped[str] = personal("usage", EncryptedText("usage_hits.device"))
    # The network it came from: /24 or /48, never an address.
    network: Mapped[str] = personal("usage", EncryptedText("usage_hits.network"))


class UsageSum(Base):
    """A finished day's sum; what fewer than five visitors did is counted under "other"."""

    __tablename__ = "usage_sums"
    __table_args__ = (PrimaryKeyConstraint("day", "dimension", "name"),)

    day: Mapped[date]
    dimension: Mapped[Dimension] = mapped_column(pg_enum(Dimension))
    name: Mapped[str] = mapped_column(String(60))
    hits: Mapped[int]
    visitors: Mapped[int]
