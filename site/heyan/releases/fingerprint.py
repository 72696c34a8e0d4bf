"""Fingerprints that people compare by voice or on paper; `static/js/organizer/bytes.js` agrees."""

from __future__ import annotations

import hashlib


def _groups(data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


def recipient_fingerprint(recipient: str) -> str:
    """Return 8 groups of 4 hex digits: the first 16 bytes of SHA-256 of the ``age1…`` string.

    Surrounding blanks do not count; nothing else is changed.
    """
    return _groups(recipient.strip().encode())


def key_fingerprint(public_key: bytes) -> str:
    """Return the same form for a raw 32-byte Ed25519 public key (the signing root)."""
    return _groups(public_key)
