"""Seal to an event's vault key. What is sealed here can be opened by the worker alone.

An envelope is: ``HYS1``, suite (2 bytes, big endian), key version (2), length of the key id (1),
key id, then the HPKE ciphertext (RFC 9180, base mode, single shot) of 32 random bytes and the
plaintext. HPKE's ``info`` is that header followed by `SealContext.info`: no bit of the header can
change, and a ciphertext moved to another row does not open (DESIGN 2 rule 2).

AES-GCM does not commit to its key, so a row also keeps SHA-256 of the whole envelope, and a
commitment SHA-256(random ‖ plaintext) whose random part lies inside: no digest of a plaintext
that could be guessed from a list is ever stored.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from heyan.custody.signing import VAULT_KEY_TYPE, canonical, pae

MAGIC = b"HYS1"
SALT_BYTES = 32
_FIXED = struct.Struct(">4sHHB")


class UntrustedVaultKey(Exception):
    """The vault key must not be sealed to: unsigned, foreign, out of date or rolled back."""


class MalformedEnvelope(Exception):
    """The bytes are no envelope that this version knows."""


@dataclass(frozen=True)
class SealingSuite:
    """One way of sealing: its number in headers, HPKE's suite, and how a public key is read."""

    number: int
    name: str
    hpke: hpke.Suite
    public_key_bytes: int
    load_public: Callable[[bytes], Any]


def _load_hybrid(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:1184]),
        X25519PublicKey.from_public_bytes(raw[1184:]),
    )


HYBRID = SealingSuite(
    number=1,
    name="HPKE MLKEM768-X25519, HKDF-SHA256, AES-256-GCM",
    hpke=hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    public_key_bytes=1184 + 32,
    load_public=_load_hybrid,
)

# Every suite that can be sealed to. A new one gets the next number; numbers are never used again.
SUITES: dict[int, SealingSuite] = {HYBRID.number: HYBRID}


@dataclass(frozen=True)
class SealContext:
    """What a ciphertext belongs to. ``version`` is that of this very encoding."""

    event_id: uuid.UUID
    registration_id: uuid.UUID
    document_id: uuid.UUID
    kind: str
    version: int = 1

    def info(self, suite: int, key_id: str) -> bytes:
        """Return the context as bytes, each part with its length, so that none can run over."""
        parts = (
            b"heyan-seal",
            self.version.to_bytes(2, "big"),
            suite.to_bytes(2, "big"),
            key_id.encode(),
            self.event_id.bytes,
            self.registration_id.bytes,
            self.document_id.bytes,
            self.kind.encode(),
        )
        return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


@dataclass(frozen=True)
class VaultPublicKey:
    """The public half of an event's vault key, with the root's signature over all of it."""

    key_id: str
    event_id: uuid.UUID
    version: int
    suite: int
    public_key: bytes
    not_before: datetime
    not_after: datetime
    signature: bytes


@dataclass(frozen=True)
class Sealed:
    """An envelope, SHA-256 of it (32 bytes), and the commitment to what is inside (32 bytes)."""

    ciphertext: bytes
    sha256: bytes
    commitment: bytes


@dataclass(frozen=True)
class Header:
    """An envelope's readable part; ``raw`` is the header itself, the ciphertext follows it."""

    suite: int
    version: int
    key_id: str
    raw: bytes


def vault_key_id(public_key: bytes) -> str:
    """Return the name of a vault key: the first 16 hex digits of SHA-256 of its public half."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def vault_key_message(
    *,
    key_id: str,
    event_id: uuid.UUID,
    version: int,
    suite: int,
    public_key: bytes,
    not_before: datetime,
    not_after: datetime,
) -> bytes:
    """Return what the root signs (raw Ed25519, 64 bytes) to vouch for a vault key.

    Times are aware; they are signed in UTC to the microsecond, which PostgreSQL keeps.
    """
    payload = {
        "format": "heyan-vault-key/1",
        "key_id": key_id,
        "event_id": str(event_id),
        "version": version,
        "suite": suite,
        "public_key": public_key.hex(),
        "not_before": _moment(not_before),
        "not_after": _moment(not_after),
    }
    return pae(VAULT_KEY_TYPE, canonical(payload))


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


_newest: dict[tuple[bytes, uuid.UUID], int] = {}
_newest_lock = threading.Lock()


def check_vault_key(
    key: VaultPublicKey, *, root: Ed25519PublicKey, event_id: uuid.UUID, now: datetime
) -> None:
    """Check that *key* is the root's word for *event_id* and valid *now*.

    Also refuses a version below the newest this process has met for the event: who can write
    the database cannot bring a retired key back. Raises `UntrustedVaultKey`.
    """
    message = vault_key_message(
        key_id=key.key_id,
        event_id=key.event_id,
        version=key.version,
        suite=key.suite,
        public_key=key.public_key,
        not_before=key.not_before,
        not_after=key.not_after,
    )
    try:
        root.verify(key.signature, message)
    except InvalidSignature as error:
        raise UntrustedVaultKey("the root did not sign this vault key") from error
    if not hmac.compare_digest(key.event_id.bytes, event_id.bytes):
        raise UntrustedVaultKey("the vault key belongs to another event")
    suite = SUITES.get(key.suite)
    if suite is None or len(key.public_key) != suite.public_key_bytes:
        raise UntrustedVaultKey("the vault key is of an unknown suite")
    if not hmac.compare_digest(key.key_id.encode(), vault_key_id(key.public_key).encode()):
        raise UntrustedVaultKey("the vault key does not carry its own name")
    if not key.not_before <= now < key.not_after:
        raise UntrustedVaultKey("the vault key is not valid now")
    # The memory is a root's own: another root (a test's, or after a change) starts anew.
    place = (root.public_bytes_raw(), event_id)
    with _newest_lock:
        if key.version < _newest.get(place, 0):
            raise UntrustedVaultKey("the vault key was rolled back to an older version")
        _newest[place] = key.version


def seal(plaintext: bytes, key: VaultPublicKey, context: SealContext) -> Sealed:
    """Seal *plaintext* so that only the worker, and only as *context*, can open it.

    *key* must have passed `check_vault_key`. Raises `UntrustedVaultKey` for an unknown suite or
    when key and context are of different events.
    """
    suite = SUITES.get(key.suite)
    if suite is None:
        raise UntrustedVaultKey("the vault key is of an unknown suite")
    if key.event_id != context.event_id:
        raise UntrustedVaultKey("the vault key belongs to another event")
    header = make_header(key.suite, key.version, key.key_id)
    salted = secrets.token_bytes(SALT_BYTES) + plaintext
    commitment = hashlib.sha256(salted).digest()
    info = header + context.info(key.suite, key.key_id)
    ciphertext = header + suite.hpke.encrypt(salted, suite.load_public(key.public_key), info)
    return Sealed(ciphertext, hashlib.sha256(ciphertext).digest(), commitment)


def make_header(suite: int, version: int, key_id: str) -> bytes:
    """Return an envelope's readable part."""
    name = key_id.encode("ascii")
    return _FIXED.pack(MAGIC, suite, version, len(name)) + name


def read_header(envelope: bytes) -> Header:
    """Return an envelope's header; raises `MalformedEnvelope`. Nothing of it is trusted yet."""
    if len(envelope) < _FIXED.size:
        raise MalformedEnvelope("too short")
    magic, suite, version, length = _FIXED.unpack_from(envelope)
    raw = envelope[: _FIXED.size + length]
    if magic != MAGIC or len(raw) != _FIXED.size + length:
        raise MalformedEnvelope("not an envelope")
    try:
        name = raw[_FIXED.size :].decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedEnvelope("not an envelope") from error
    return Header(suite, version, name, raw)
