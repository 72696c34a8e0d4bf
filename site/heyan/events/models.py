"""Events, what they ask for, and the public halves of their vault keys."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from heyan.db import Base, key_column, pg_enum
from heyan.organizations.models import Organization


class EventKind(enum.Enum):
    """What one registers for."""

    EXAM = "exam"
    COMPETITION = "competition"
    COURSE = "course"


class EventStatus(enum.Enum):
    """An event's life. ENDED means its vault key is destroyed."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CLOSED = "closed"
    ENDED = "ended"


class DocumentKind(enum.Enum):
    """Kinds of identity document (REQUIREMENTS C2)."""

    ID_CARD_FRONT = "id_card_front"
    ID_CARD_BACK = "id_card_back"
    PASSPORT = "passport"
    TRAVEL_PERMIT = "travel_permit"
    HOUSEHOLD_PAGE = "household_page"
    STUDENT_CARD = "student_card"
    PORTRAIT = "portrait"


class Event(Base):
    """An exam, competition or course of one organizer."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="window"),
        CheckConstraint("capacity IS NULL OR capacity > 0", name="capacity"),
        CheckConstraint("seats_taken >= 0", name="seats"),
    )

    id: Mapped[uuid.UUID] = key_column()
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    # Receipt numbers read PREFIX-YEAR-00001.
    number_prefix: Mapped[str] = mapped_column(String(8))
    next_number: Mapped[int] = mapped_column(Integer, default=1)
    organization_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    kind: Mapped[EventKind] = mapped_column(pg_enum(EventKind))
    status: Mapped[EventStatus] = mapped_column(pg_enum(EventStatus), index=True)
    title: Mapped[str] = mapped_column(String(120))
    title_en: Mapped[str] = mapped_column(String(160), default="")
    summary: Mapped[str] = mapped_column(Text, default="")
    summary_en: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    description_en: Mapped[str] = mapped_column(Text, default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    fee_fen: Mapped[int] = mapped_column(Integer, default=0)
    capacity: Mapped[int | None] = mapped_column(Integer)
    seats_taken: Mapped[int] = mapped_column(Integer, default=0)
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime] = mapped_column(index=True)
    # Returned documents may be replaced until here.
    documents_until: Mapped[datetime]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    # The vault key is destroyed here at the latest (event end + 30 days by default).
    destroy_at: Mapped[datetime] = mapped_column(index=True)
    # The number of the impact assessment; without one no event with documents opens (J5).
    # Hours between scheduled batches.
    batch_every_hours: Mapped[int] = mapped_column(SmallInteger, default=24)
    batch_at_documents: Mapped[int] = mapped_column(Integer, default=500)
    last_batch_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    organization: Mapped[Organization] = relationship(lazy="raise")
    fields: Mapped[list[EventField]] = relationship(
        lazy="raise", order_by="EventField.position", cascade="all, delete-orphan"
    )
    document_kinds: Mapped[list[EventDocumentKind]] = relationship(
        lazy="raise", order_by="EventDocumentKind.position", cascade="all, delete-orphan"
    )


class EventField(Base):
    """One question an event asks, with its purpose and category (S-011, S-012)."""

    __tablename__ = "event_fields"
    __table_args__ = (UniqueConstraint("event_id", "key"),)

    id: Mapped[uuid.UUID] = key_column()
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    key: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(80))
    label_en: Mapped[str] = mapped_column(String(120), default="")
    hint: Mapped[str] = mapped_column(String(200), default="")
    # text | choice | date | number
    input: Mapped[str] = mapped_column(String(16))
    choices: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    required: Mapped[bool] = mapped_column(default=True)
    purpose: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(60))
    position: Mapped[int] = mapped_column(SmallInteger)


class EventDocumentKind(Base):
    """One document an event asks for, with its specification (versioned)."""

    __tablename__ = "event_document_kinds"
    __table_args__ = (UniqueConstraint("event_id", "kind"),)

    id: Mapped[uuid.UUID] = key_column()
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    kind: Mapped[DocumentKind] = mapped_column(pg_enum(DocumentKind))
    required: Mapped[bool] = mapped_column(default=True)
    # False only where the picture must stay clean (admission ticket portrait).
    marked: Mapped[bool] = mapped_column(default=True)
    min_bytes: Mapped[int] = mapped_column(Integer, default=0)
    max_bytes: Mapped[int] = mapped_column(Integer, default=2_000_000)
    min_side: Mapped[int] = mapped_column(Integer, default=800)
    # Exact output size in pixels where the organizer wants one (0: whatever is cheapest).
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    dpi: Mapped[int] = mapped_column(Integer, default=0)
    note: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(SmallInteger, default=1)
    position: Mapped[int] = mapped_column(SmallInteger)


class VaultKeyStatus(enum.Enum):
    """ACTIVE seals; RETIRED still opens at the worker; DESTROYED opens nothing, anywhere."""

    ACTIVE = "active"
    RETIRED = "retired"
    DESTROYED = "destroyed"


class VaultKey(Base):
    """The public half of an event's vault key, signed by the root (DESIGN 2 rule 3)."""

    __tablename__ = "vault_keys"
    __table_args__ = (UniqueConstraint("event_id", "version"),)

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    event_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("events.id"))
    version: Mapped[int] = mapped_column(SmallInteger)
    suite: Mapped[int] = mapped_column(SmallInteger)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    status: Mapped[VaultKeyStatus] = mapped_column(pg_enum(VaultKeyStatus))
    destroyed_at: Mapped[datetime | None]
