"""In-site notices, verified ways to reach a person, and the messages that go out by them."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class Notice(Base):
    """Something an account should know; ``kind`` picks the wording, ``params`` are ids."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_account_at", "account_id", "at"),)

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(String(40))
    params: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class MessageChannel(enum.Enum):
    """What a message goes out by, besides the notice on the site."""

    EMAIL = "email"
    SMS = "sms"


class Reach(Base):
    """A verified address of an account: one e-mail address, one number. No row, not verified."""

    __tablename__ = "reaches"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    channel: Mapped[MessageChannel] = mapped_column(pg_enum(MessageChannel), primary_key=True)
    address: Mapped[str] = personal("account.contact", EncryptedText("reaches.address"))
    address_index: Mapped[bytes] = personal("account.contact", LargeBinary, index=True)
    locale: Mapped[str] = mapped_column(String(8))
    # Tell what is useful but not needed, too.
    wants_all: Mapped[bool]
    verified_at: Mapped[datetime]
    # Since when codes to it are the account's second factor; a number's row alone has one (Q16).
    second_factor_at: Mapped[datetime | None]


class ProofPurpose(enum.Enum):
    """What a code or link proves: that an address, a reset or a report of theft is one's own.

    `SIGN_IN` is the second factor of one session and of no other. `NEW_NUMBER` goes to a number
    that is to become the account's.
    """

    VERIFY = "verify"
    RESET = "reset"
    FREEZE = "freeze"
    SIGN_IN = "sign_in"
    NEW_NUMBER = "new_number"


class Proof(Base):
    """A code or a link under way to an address; only keyed digests of them are here.

    A reset is asked for by number, before anybody looks whether the number has an account
    (C-32): the worker looks, and sends or does not.
    """

    __tablename__ = "proofs"

    id: Mapped[uuid.UUID] = key_column()
    purpose: Mapped[ProofPurpose] = mapped_column(pg_enum(ProofPurpose))
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    # The session that asked, where the code is good in that one alone.
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("login_sessions.id", ondelete="CASCADE"), index=True
    )
    channel: Mapped[MessageChannel | None] = mapped_column(pg_enum(MessageChannel))
    address: Mapped[str] = personal("account.contact", EncryptedText("proofs.address"))
    source: Mapped[str] = personal("security_log", EncryptedText("proofs.source"))
    code_hash: Mapped[bytes | None] = personal("account.credentials", LargeBinary)
    code_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    link_hash: Mapped[bytes | None] = personal("account.credentials", LargeBinary, unique=True)
    link_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class MessageState(enum.Enum):
    """The life of a message; `UNSENT` was never tried, `FAILED` was and is parked."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNSENT = "unsent"


class MessageDelivery(enum.Enum):
    """What the provider says became of a message that it took; None where nobody can say.

    `UNKNOWN` ends the asking: their report did not come within three days.
    """

    AWAITED = "awaited"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Message(Base):
    """A message on its way out. What it says is put together when it is sent."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_waiting", "next_at", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_messages_delivery_due",
            "delivery_next_at",
            postgresql_where=text("delivery = 'awaited'"),
        ),
        Index("ix_messages_number_at", "channel", "address_index", "created_at"),
        Index("ix_messages_source_at", "source_index", "created_at"),
        Index("ix_messages_channel_claimed", "channel", "claimed_at"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    channel: Mapped[MessageChannel] = mapped_column(pg_enum(MessageChannel))
    kind: Mapped[str] = mapped_column(String(40))
    locale: Mapped[str] = mapped_column(String(8))
    address: Mapped[str | None] = personal("message.body", EncryptedText("messages.address"))
    address_index: Mapped[bytes | None] = personal("message.body", LargeBinary)
    # JSON: ids, and for a code or link the code or link itself; emptied once sent.
    params: Mapped[str | None] = personal("message.body", EncryptedText("messages.params"))
    source_index: Mapped[bytes | None] = personal("message.body", LargeBinary)
    state: Mapped[MessageState] = mapped_column(pg_enum(MessageState))
    # Why it is not sent (a word of ours, never the server's text).
    reason: Mapped[str | None] = mapped_column(String(40))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    # Attempts that ended without a word: the process died, and it may have gone out.
    lost: Mapped[int] = mapped_column(SmallInteger, default=0)
    attempt_id: Mapped[uuid.UUID | None]
    # The provider's own number of it, to ask them by.
    receipt: Mapped[str | None] = mapped_column(String(64))
    delivery: Mapped[MessageDelivery | None] = mapped_column(pg_enum(MessageDelivery))
    # The network's own code for why it did not arrive, letters and digits alone.
    delivery_reason: Mapped[str | None] = mapped_column(String(40))
    delivery_at: Mapped[datetime | None]
    delivery_asks: Mapped[int] = mapped_column(SmallInteger, default=0)
    delivery_next_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    next_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    # After this it is of no use: a code that is over.
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
