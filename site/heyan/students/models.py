"""Students (学员) bound to an account."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime

from sqlalchemy import ForeignKey
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
