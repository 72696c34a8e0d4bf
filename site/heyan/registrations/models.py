"""Registrations, their answers, and the sealed ID number."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum
from heyan.events.models import Event
from heyan.students.models import Student


class RegistrationStatus(enum.Enum):
    """A registration's life; transitions stand in `heyan.registrations.states`."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    WAITLISTED = "waitlisted"
    VERIFIED = "verified"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class Registration(Base):
    """One student's registration for one event."""

    __tablename__ = "registrations"
    __table_args__ = (
        Index(
            "uq_registrations_live",
            "event_id",
            "student_id",
            unique=True,
            postgresql_where=text("status <> 'withdrawn'"),
        ),
        Index("ix_registrations_event_status", "event_id", "status"),
    )

    id: Mapped[uuid.UUID] = key_column()
    # Given at submission.
    number: Mapped[str | None] = mapped_column(String(24), unique=True)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    student_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("students.id"), index=True)
    status: Mapped[RegistrationStatus] = mapped_column(pg_enum(RegistrationStatus))
    # Place in the waiting list's order; None when seated.
    waiting: Mapped[int | None] = mapped_column(Integer)
    # HPKE envelope of the ID number, context kind "id_number", document id = registration id.
    id_number_sealed: Mapped[bytes | None] = personal("identity.number", LargeBinary)
    id_number_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_commitment: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_key_id: Mapped[str | None] = mapped_column(String(32))
    # Last four characters, for the person's own eye.
    id_number_tail: Mapped[str | None] = personal(
        "identity.number_tail", EncryptedText("registrations.id_number_tail")
    )
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]

    event: Mapped[Event] = relationship(lazy="raise")
    student: Mapped[Student] = relationship(lazy="raise")


class RegistrationAnswer(Base):
    """An answer to one of the event's own questions."""

    __tablename__ = "registration_answers"
    __table_args__ = (UniqueConstraint("registration_id", "field_key"),)

    id: Mapped[uuid.UUID] = key_column()
    registration_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("registrations.id"))
    field_key: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = personal(
        "registration.answers", EncryptedText("registration_answers.value")
    )
