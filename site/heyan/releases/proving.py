"""What the keys of organizers and of staff share: a public half, and the proof that it opens.

The private half is made and kept in a browser; here is only what it must be able to open.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import datetime, timedelta

import pyrage

from heyan import clock

CHALLENGE_LIFE = timedelta(hours=1)


class RecipientInvalid(Exception):
    """Not an age X25519 recipient (``age1…``)."""


class ProofWrong(Exception):
    """The challenge was not opened, or its hour is over."""


def read_recipient(text: str) -> str:
    """Return an age recipient without blanks around it; raises `RecipientInvalid`."""
    text = text.strip()
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise RecipientInvalid from error
    return text


def challenge(recipient: str) -> tuple[str, bytes, datetime]:
    """Return a new challenge: sealed to *recipient* (base64), its digest, until when it is good."""
    secret = os.urandom(32)
    public = pyrage.x25519.Recipient.from_str(recipient)
    sealed = base64.b64encode(pyrage.encrypt(secret, [public])).decode()
    return sealed, hashlib.sha256(secret).digest(), clock.now() + CHALLENGE_LIFE


def is_stale(until: datetime | None) -> bool:
    """Tell whether a challenge is half gone: a page that was just opened could not be finished."""
    return until is None or until - clock.now() < CHALLENGE_LIFE / 2


def check(proof: str, sha256: bytes | None, until: datetime | None) -> None:
    """Check the opened challenge (64 hex digits). Raises `ProofWrong`."""
    try:
        digest = hashlib.sha256(bytes.fromhex(proof.strip())).digest()
    except ValueError as error:
        raise ProofWrong from error
    if sha256 is None or until is None or clock.now() > until:
        raise ProofWrong
    if not hmac.compare_digest(digest, sha256):
        raise ProofWrong
