"""Open what the web has sealed. Only the worker imports this, with a key from its keyring."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from heyan.custody.sealing import HYBRID, SALT_BYTES, SUITES, SealContext, read_header


class OpeningFailed(Exception):
    """It does not open. Why is not said (C-22): every reason gives this one error."""

    def __init__(self) -> None:
        super().__init__("the sealed object does not open")


@dataclass(frozen=True)
class PrivateSuite:
    """How a suite's private keys are made (private, public; raw bytes) and read."""

    generate: Callable[[], tuple[bytes, bytes]]
    load: Callable[[bytes], Any]


def _generate_hybrid() -> tuple[bytes, bytes]:
    kem, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    private = kem.private_bytes_raw() + curve.private_bytes_raw()
    public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return private, public


def _load_hybrid(raw: bytes) -> hpke.MLKEM768X25519PrivateKey:
    if len(raw) != 64 + 32:
        raise ValueError("a private key of another length")
    return hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:64]), X25519PrivateKey.from_private_bytes(raw[64:])
    )


PRIVATE_SUITES: dict[int, PrivateSuite] = {
    HYBRID.number: PrivateSuite(_generate_hybrid, _load_hybrid)
}


def generate_vault_key(suite: int = HYBRID.number) -> tuple[bytes, bytes]:
    """Return a new vault key as (private, public), both raw bytes for this suite."""
    return PRIVATE_SUITES[suite].generate()


class PrivateKey:
    """A private key that was read once, for opening many. Threads may share it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._loaded: dict[int, Any] = {}

    def of(self, suite: int) -> Any:
        """Return the key as *suite* reads it."""
        if suite not in self._loaded:
            self._loaded[suite] = PRIVATE_SUITES[suite].load(self._raw)
        return self._loaded[suite]


def open_sealed(
    ciphertext: bytes,
    *,
    private_key: bytes | PrivateKey,
    context: SealContext,
    sha256: bytes,
    commitment: bytes,
) -> bytes:
    """Return what was sealed, when envelope, digest, context and commitment all agree.

    *sha256* and *commitment* come from the row. Raises `OpeningFailed` and nothing else.
    """
    try:
        salted = _decrypt(ciphertext, private_key, context, sha256)
        fits = hmac.compare_digest(hashlib.sha256(salted).digest(), commitment)
    except Exception:  # noqa: BLE001 - one error for every reason
        # "from None": a trace must not tell reasons apart either.
        raise OpeningFailed from None
    if not fits:
        raise OpeningFailed
    return salted[SALT_BYTES:]


def _decrypt(
    ciphertext: bytes, private_key: bytes | PrivateKey, context: SealContext, sha256: bytes
) -> bytes:
    if not hmac.compare_digest(hashlib.sha256(ciphertext).digest(), sha256):
        raise OpeningFailed
    header = read_header(ciphertext)
    key = private_key if isinstance(private_key, PrivateKey) else PrivateKey(private_key)
    return SUITES[header.suite].hpke.decrypt(
        memoryview(ciphertext)[len(header.raw) :],
        key.of(header.suite),
        header.raw + context.info(header.suite, header.key_id),
    )
