"""Accounts of every realm, their factors, sessions, trusted devices and sign-in history."""

from __future__ import annotations

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from heyan.access import Realm, Role
from heyan.db import Base, EncryptedText, key_column, personal, pg_enum


class AccountStatus(enum.Enum):
    """Whether an account can sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"
    CLOSED = "closed"


class Account(Base):
    """Someone who can sign in: a phone number (public) or a login name (staff, organizer)."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("realm", "login_index"),)

    id: Mapped[uuid.UUID] = key_column()
    realm: Mapped[Realm] = mapped_column(pg_enum(Realm))
    login: Mapped[str] = personal("account.contact", EncryptedText("accounts.login"))
    login_index: Mapped[bytes] = personal("account.contact", LargeBinary)
    name: Mapped[str | None] = personal("account.contact", EncryptedText("accounts.name"))
    # A colleague's staff number, as a blind index: two accounts with one are one human's (C-50).
    person_index: Mapped[bytes | None] = personal("account.contact", LargeBinary, index=True)
    password_hash: Mapped[str | None] = personal("account.credentials", Text)
    # A short password (public realm, 8 to 14 characters) stands only beside a second factor.
    second_factor_required: Mapped[bool]
    status: Mapped[AccountStatus] = mapped_column(pg_enum(AccountStatus))
    organization_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("organizations.id"), index=True
    )
    failed_count: Mapped[int] = mapped_column(SmallInteger, default=0)
    retry_after: Mapped[datetime | None]
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]


class AccountRole(Base):
    """A role that an account holds, and who gave it."""

    __tablename__ = "account_roles"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(pg_enum(Role), primary_key=True)
    granted_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    granted_at: Mapped[datetime]


class TotpFactor(Base):
    """A TOTP secret (RFC 6238); ``last_step`` makes each code good once."""

    __tablename__ = "totp_factors"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    secret: Mapped[str] = personal("account.credentials", EncryptedText("totp_factors.secret"))
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class Passkey(Base):
    """A WebAuthn credential: its public key, and a counter that shows a copy of it.

    ``blocked_at`` is set when its counter went back: it opens nothing more, yet still counts as a
    factor that the account has, so that a password alone sets up no other.
    """

    __tablename__ = "passkeys"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    credential_id: Mapped[bytes] = personal("account.credentials", LargeBinary, unique=True)
    public_key: Mapped[bytes] = personal("account.credentials", LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    # What its owner calls it, such as 公司笔记本.
    name: Mapped[str] = personal("account.credentials", EncryptedText("passkeys.name"))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    blocked_at: Mapped[datetime | None]


class PasskeyPurpose(enum.Enum):
    """What an answer to a challenge may be used for, and for nothing else."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    STEP_UP = "step_up"


class PasskeyChallenge(Base):
    """A question to a passkey: of one session and one purpose, deleted when it is answered."""

    __tablename__ = "passkey_challenges"

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("login_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[PasskeyPurpose] = mapped_column(pg_enum(PasskeyPurpose), primary_key=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]


class IdentityProof(enum.Enum):
    """How a colleague made sure who asks for a lost factor: possession, never knowledge (C-34)."""

    MET = "met"
    CALLED_BACK = "called_back"


class FactorReset(Base):
    """A lost second factor on its way off an account: asked by one, confirmed by another, later."""

    __tablename__ = "factor_resets"
    __table_args__ = (
        Index(
            "uq_factor_resets_open",
            "account_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        CheckConstraint("confirmed_by <> asked_by", name="two_people"),
        CheckConstraint("account_id NOT IN (asked_by, confirmed_by)", name="not_ones_own"),
        CheckConstraint("(confirmed_at IS NULL) = (due_at IS NULL)", name="due_once_confirmed"),
    )

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    proof: Mapped[IdentityProof] = mapped_column(pg_enum(IdentityProof))
    asked_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    asked_at: Mapped[datetime]
    confirmed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    confirmed_at: Mapped[datetime | None]
    # From when on the next right password leads to setting up a new factor.
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # Carried out, not called off.
    done: Mapped[bool]


class AccessReview(Base):
    """Somebody looked through who may do what (CONTROLS 5: quarterly)."""

    __tablename__ = "access_reviews"

    id: Mapped[uuid.UUID] = key_column()
    reviewed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    reviewed_at: Mapped[datetime] = mapped_column(index=True)
    # How many accounts the list held then.
    accounts: Mapped[int]


class RecoveryCode(Base):
    """A single-use code for the day the phone is lost; only its hash is here."""

    __tablename__ = "recovery_codes"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    code_hash: Mapped[bytes] = personal("account.credentials", LargeBinary)
    used_at: Mapped[datetime | None]


class LoginSession(Base):
    """A signed-in browser. The cookie's token is stored only as SHA-256."""

    __tablename__ = "login_sessions"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    # None until the second factor was given, where one is needed.
    authenticated_at: Mapped[datetime | None]
    step_up_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    source: Mapped[str] = personal("security_log", EncryptedText("login_sessions.source"))
    user_agent: Mapped[str] = personal("security_log", EncryptedText("login_sessions.user_agent"))
    # Messages for the next page: [kind, text] pairs without personal data.
    flashes: Mapped[list[Any]] = mapped_column(JSONB, default=list)


class TrustedDevice(Base):
    """A browser that gave a second factor, remembered for 30 days by a hashed token."""

    __tablename__ = "trusted_devices"

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SignInOutcome(enum.Enum):
    """What came of an attempt to sign in."""

    SUCCEEDED = "succeeded"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - an outcome, not a password
    WRONG_CODE = "wrong_code"
    THROTTLED = "throttled"
    SIGNED_OUT = "signed_out"


class SignIn(Base):
    """The sign-in history that the person sees."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_account_at", "account_id", "at"),)

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    at: Mapped[datetime]
    outcome: Mapped[SignInOutcome] = mapped_column(pg_enum(SignInOutcome))
    new_device: Mapped[bool]
    source: Mapped[str] = personal("security_log", EncryptedText("sign_ins.source"))
    user_agent: Mapped[str] = personal("security_log", EncryptedText("sign_ins.user_agent"))


class Invitation(Base):
    """A one-time way in for staff (48 h) and organizer members; only the code's hash is kept."""

    __tablename__ = "invitations"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_later"),)

    id: Mapped[uuid.UUID] = key_column()
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    code_hash: Mapped[bytes] = personal("account.credentials", LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    invited_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
