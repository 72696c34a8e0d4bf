"""Standing grants (L2), requests (L3, L4) and what the level's approvers said to them."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.access import Role, Scenario
from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class GrantStatus(enum.Enum):
    """A standing grant's life; it ends by the clock as well (`StandingGrant.ends_at`)."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"


class StandingGrant(Base):
    """A role may see contact data in one scenario, for *days* from the approval (Q3)."""

    __tablename__ = "standing_grants"
    __table_args__ = (
        CheckConstraint("decided_by <> proposed_by", name="two_people"),
        CheckConstraint("days BETWEEN 1 AND 90", name="days"),
        CheckConstraint("status <> 'approved' OR ends_at IS NOT NULL", name="ends"),
        Index(
            "uq_standing_grants_waiting",
            "role",
            "scenario",
            unique=True,
            postgresql_where=text("status = 'proposed'"),
        ),
        Index("ix_standing_grants_live", "scenario", "role", "status", "ends_at"),
    )

    id: Mapped[uuid.UUID] = key_column()
    role: Mapped[Role] = mapped_column(pg_enum(Role))
    scenario: Mapped[Scenario] = mapped_column(pg_enum(Scenario))
    purpose: Mapped[str] = mapped_column(String(300))
    days: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[GrantStatus] = mapped_column(pg_enum(GrantStatus))
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proposed_at: Mapped[datetime]
    decided_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str | None] = mapped_column(String(300))
    ends_at: Mapped[datetime | None]
    revoked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    revoked_at: Mapped[datetime | None]
    # The last mark, in days before the end, that was told.
    reminded_days: Mapped[int | None] = mapped_column(SmallInteger)


class RequestStatus(enum.Enum):
    """A request's life; an approved one expires by the clock (`AccessRequest.ends_at`)."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    ENDED = "ended"


class AccessRequest(Base):
    """Somebody wants to see named records at L3 or L4, for some hours."""

    __tablename__ = "access_requests"
    __table_args__ = (
        CheckConstraint(
            "(level = 3 AND hours BETWEEN 1 AND 8) OR (level = 4 AND hours BETWEEN 1 AND 24)",
            name="hours",
        ),
        CheckConstraint("status <> 'approved' OR ends_at IS NOT NULL", name="ends"),
        Index("ix_access_requests_status", "status", "id"),
        Index("ix_access_requests_requester", "requester_id", "id"),
    )

    id: Mapped[uuid.UUID] = key_column()
    # 3 | 4, as `heyan.classification.Level`.
    level: Mapped[int] = mapped_column(SmallInteger)
    scenario: Mapped[Scenario] = mapped_column(pg_enum(Scenario))
    # registration | recording | document | export
    subject_kind: Mapped[str] = mapped_column(String(16))
    requester_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    # One of `heyan.approvals.wording.PURPOSES`, and why in words (which may name someone).
    purpose: Mapped[str] = mapped_column(String(24))
    note: Mapped[str] = personal("audit", EncryptedText("access_requests.note"))
    hours: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[RequestStatus] = mapped_column(pg_enum(RequestStatus))
    asked_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    ended_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    ended_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]


class AccessRequestSubject(Base):
    """One record that a request names."""

    __tablename__ = "access_request_subjects"

    request_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("access_requests.id"), primary_key=True
    )
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)


class AccessDecision(Base):
    """What one approver said, in which role; append-only."""

    __tablename__ = "access_decisions"
    __table_args__ = (
        Index("uq_access_decisions_person", "request_id", "approver_id", unique=True),
        Index("uq_access_decisions_role", "request_id", "role", unique=True),
    )

    id: Mapped[uuid.UUID] = key_column()
    request_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("access_requests.id"))
    approver_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    role: Mapped[Role] = mapped_column(pg_enum(Role))
    approved: Mapped[bool]
    reason: Mapped[str] = personal("audit", EncryptedText("access_decisions.reason"))
    at: Mapped[datetime]
