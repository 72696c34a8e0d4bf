"""Engine, declarative base, column types and the one way to open a transaction.

No feature's table stands here, and nothing here knows Flask.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import DateTime, Enum, LargeBinary, MetaData, Uuid, create_engine
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, MappedColumn, Session, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table. Times are aware UTC; ids are UUIDv7."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        datetime: DateTime(timezone=True),
        uuid.UUID: Uuid(as_uuid=True),
    }


_uuid_lock = threading.Lock()
_uuid_last = 0


def uuid7() -> uuid.UUID:
    """Return a new UUIDv7 (RFC 9562 section 5.7), increasing within this process."""
    global _uuid_last  # noqa: PLW0603 - one clock a process, so that ids only rise
    with _uuid_lock:
        stamp = max(time.time_ns() // 1_000_000, _uuid_last)
        _uuid_last = stamp
    tail = int.from_bytes(os.urandom(10), "big")
    value = (stamp & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= ((tail >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= tail & ((1 << 62) - 1)
    return uuid.UUID(int=value)


def key_column() -> MappedColumn[uuid.UUID]:
    """Return the primary key every table uses."""
    return mapped_column(Uuid(as_uuid=True), primary_key=True, default=uuid7)


def pg_enum(kind: type[enum.Enum]) -> Enum:
    """Return a native PostgreSQL enum that stores the members' values."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    return Enum(kind, name=name, values_callable=lambda members: [m.value for m in members])


# --- contact fields at rest (level L2) -------------------------------------------------------


class ContactKeys:
    """The keys of contact fields: AES-256-GCM by key id, and one HMAC key for blind indexes.

    Several data keys may be present; the first encrypts, all decrypt, so a key can be rotated.
    """

    def __init__(self, data_keys: Mapping[str, bytes], index_key: bytes) -> None:
        if not data_keys:
            raise ValueError("at least one contact key is needed")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in data_keys.items()}
        self.current = next(iter(data_keys))
        self._index_key = index_key

    def encrypt(self, plaintext: str, place: str) -> bytes:
        """Encrypt *plaintext* for the column *place* (``table.column``)."""
        nonce = os.urandom(12)
        key_id = self.current.encode()
        sealed = self._ciphers[self.current].encrypt(nonce, plaintext.encode(), place.encode())
        return bytes([len(key_id)]) + key_id + nonce + sealed

    def decrypt(self, stored: bytes, place: str) -> str:
        """Decrypt a stored field; raises `InvalidTag` when it was moved or changed."""
        length = stored[0]
        key_id = stored[1 : 1 + length].decode()
        nonce = stored[1 + length : 13 + length]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise InvalidTag
        return cipher.decrypt(nonce, stored[13 + length :], place.encode()).decode()

    def index(self, value: str, scope: str) -> bytes:
        """Return the blind index of *value*; equal values collide only within *scope*."""
        message = scope.encode() + b"\0" + value.encode()
        return hmac.new(self._index_key, message, hashlib.sha256).digest()[:16]


_contact_keys: ContactKeys | None = None


def use_contact_keys(keys: ContactKeys) -> None:
    """Set the keys that `EncryptedText` and `blind_index` use in this process."""
    global _contact_keys  # noqa: PLW0603 - column types have no other way to the keys
    _contact_keys = keys


def contact_keys() -> ContactKeys:
    """Return this process's contact keys; `RuntimeError` before `use_contact_keys`."""
    if _contact_keys is None:
        raise RuntimeError("contact keys are not set: call use_contact_keys first")
    return _contact_keys


def parse_contact_keys(data_keys: str, index_key: str) -> ContactKeys:
    """Read ``id:base64[,id:base64…]`` and a base64 index key, 32 bytes each."""
    pairs = (item.partition(":") for item in data_keys.split(",") if item.strip())
    keys = {key_id.strip(): base64.b64decode(value) for key_id, _, value in pairs}
    index = base64.b64decode(index_key)
    if any(len(key) != 32 for key in keys.values()) or len(index) != 32:
        raise ValueError("contact and index keys are 32 bytes, in base64")
    return ContactKeys(keys, index)


class EncryptedText(TypeDecorator[str]):
    """Text that the database only ever sees encrypted.

    *place* is ``table.column`` and is authenticated, so a value moved to another column does not
    decrypt.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's signature
    ) -> bytes | None:
        return None if value is None else contact_keys().encrypt(value, self.place)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002 - as above
    ) -> str | None:
        return None if value is None else contact_keys().decrypt(bytes(value), self.place)


def blind_index(value: str, scope: str) -> bytes:
    """Return the 16-byte look-up index of a contact value (never used for ID numbers)."""
    return contact_keys().index(value, scope)


# --- personal columns ------------------------------------------------------------------------


def personal(category: str, /, *args: Any, **kwargs: Any) -> MappedColumn[Any]:
    """Declare a column that holds personal data of *category* (`heyan.classification`)."""
    return mapped_column(*args, info={"category": category}, **kwargs)


# --- engine and transactions -----------------------------------------------------------------


def make_engine(url: str, *, pool_size: int = 8, echo: bool = False, ping: bool = True) -> Engine:
    """Return an engine for a ``postgresql://`` URL.

    A statement may run 15 s, wait 5 s for a lock and idle 30 s inside a transaction, so that one
    stuck request cannot hold the others. Without *ping* a connection that is gone shows in use.
    """
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=8,
        pool_pre_ping=ping,
        pool_timeout=10,
        pool_recycle=1800,
        echo=echo,
        connect_args={
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c statement_timeout=15000 -c lock_timeout=5000"
            " -c idle_in_transaction_session_timeout=30000",
        },
    )


@contextmanager
def transaction(session: Session) -> Iterator[Session]:
    """Run a verb as one transaction; verbs called within another join the outer one.

    Commits when the outermost block ends, rolls back when it raises.
    """
    depth = session.info.get("depth", 0)
    session.info["depth"] = depth + 1
    try:
        yield session
        if depth == 0:
            session.commit()
        else:
            session.flush()
    except BaseException:
        if depth == 0:
            session.rollback()
        raise
    finally:
        session.info["depth"] = depth
