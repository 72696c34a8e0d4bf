"""Alerts on what staff did, findings of audits, internal rules and who knows them, training."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, key_column, pg_enum


class StaffAlert(Base):
    """Somebody did more than a rule allows in a window, or something that is always looked at."""

    __tablename__ = "staff_alerts"
    __table_args__ = (
        CheckConstraint("closed_by <> account_id", name="never_ones_own"),
        CheckConstraint(
            "num_nonnulls(closed_at, closed_by, reason) IN (0, 3)", name="closed_by_somebody"
        ),
        Index(
            "uq_staff_alerts_crossing",
            "rule",
            "account_id",
            "crossed_at",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_staff_alerts_open", "id", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[uuid.UUID] = key_column()
    # One of `heyan.oversight.rules.RULES`.
    rule: Mapped[str] = mapped_column(String(24))
    # Whose acts; nobody's where it is about the worker's host.
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    # What it is about, where that is one row of another feature: a request that says we broke
    # the law.
    subject_id: Mapped[uuid.UUID | None]
    # When the act was done that crossed the line, and how many there were then.
    crossed_at: Mapped[datetime]
    found: Mapped[int]
    raised_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    reason: Mapped[str | None] = mapped_column(String(300))


class Finding(Base):
    """What an audit found, whose it is to mend, and until when (S-094)."""

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(closed_at, closed_by, result) IN (0, 3)", name="closed_by_somebody"
        ),
        Index("ix_findings_due", "due_at", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[uuid.UUID] = key_column()
    title: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    # The first moment at which it is overdue.
    due_at: Mapped[datetime]
    raised_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    raised_at: Mapped[datetime]
    closed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    closed_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(String(300))
    # When the overdue finding was last told; again after a week.
    told_at: Mapped[datetime | None]


class InternalRule(Base):
    """One version of a rule of the house; what was published does not change (S-080)."""

    __tablename__ = "internal_rules"
    __table_args__ = (Index("uq_internal_rules_version", "title", "version", unique=True),)

    id: Mapped[uuid.UUID] = key_column()
    title: Mapped[str] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str] = mapped_column(Text)
    published_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    published_at: Mapped[datetime]
    # From then on L3 is off for who has not read and accepted this version.
    due_at: Mapped[datetime]


class RuleAcknowledgement(Base):
    """Somebody has read a version of a rule and will keep it; append-only."""

    __tablename__ = "rule_acknowledgements"

    rule_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("internal_rules.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, index=True
    )
    at: Mapped[datetime]


class TrainingKind(enum.Enum):
    """What is recorded of a colleague: that they were taught, and that they passed."""

    COURSE = "course"
    EXAM = "exam"


class Training(Base):
    """A course that was taken or an exam that was passed, until when it counts (S-081)."""

    __tablename__ = "trainings"
    __table_args__ = (
        CheckConstraint("recorded_by <> account_id", name="never_ones_own"),
        CheckConstraint("valid_until > passed_at", name="dates"),
        Index("ix_trainings_account", "account_id", "kind", "valid_until"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[TrainingKind] = mapped_column(pg_enum(TrainingKind))
    passed_at: Mapped[datetime]
    # Exclusive: the first moment at which it no longer counts.
    valid_until: Mapped[datetime]
    # Empty for what the operator's command recorded.
    recorded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    recorded_at: Mapped[datetime]
    # The last reminder, in days before the end.
    reminded_days: Mapped[int | None] = mapped_column(SmallInteger)
