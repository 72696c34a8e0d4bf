"""Students (学员) bound to an account."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class Relation(enum.Enum):
    """What the student is to the account holder."""

    SELF = "self"
    CHILD = "child"
    WARD = "ward"


class Student(Base):
    """A person who registers. The ID number is not here: it is sealed per event."""

    __tablename__ = "students"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = personal("student.profile", EncryptedText("students.name"))
    # ISO date
    birth_date: Mapped[str] = personal("student.profile", EncryptedText("students.birth_date"))
    relation: Mapped[Relation] = personal("student.profile", pg_enum(Relation))
    created_at: Mapped[datetime]
    unbound_at: Mapped[datetime | None]


class GuardianshipState(enum.Enum):
    """The life of a second guardian's binding; in dispute it shows nothing to anybody."""

    OFFERED = "offered"
    BOUND = "bound"
    DISPUTED = "disputed"
    ENDED = "ended"


class Guardianship(Base):
    """A second guardian who sees how a student's registrations stand (S-047).

    Offered by the account that the student is bound to, with a code for one use of which only a
    keyed digest is kept; ``account_id`` is whoever used it.
    """

    __tablename__ = "guardianships"
    __table_args__ = (
        CheckConstraint(
            "(state IN ('bound', 'disputed')) <= (account_id IS NOT NULL AND code_hash IS NULL)",
            name="bound_to_somebody",
        ),
        Index(
            "uq_guardianships_live",
            "student_id",
            "account_id",
            unique=True,
            postgresql_where=text("state IN ('bound', 'disputed')"),
        ),
    )

    id: Mapped[uuid.UUID] = key_column()
    student_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("students.id"), index=True)
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    state: Mapped[GuardianshipState] = mapped_column(pg_enum(GuardianshipState))
    code_hash: Mapped[bytes | None] = personal("account.credentials", LargeBinary, unique=True)
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    bound_at: Mapped[datetime | None]
    disputed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    ended_at: Mapped[datetime | None]
