"""What is asked of a sender while far too many leads come in: work, or a minute's patience.

A challenge is signed and carries all that is known about it, so nothing is stored for a sender
who never returns. A browser with JavaScript finds a number whose SHA-256 begins with enough
zero bits; a person without waits and sends the same form again. Each challenge is good once:
the caller spends its salt.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class Challenge:
    """One challenge; ``text`` is what the form carries."""

    issued: int
    bits: int
    salt: str
    text: str


def issue(secret_key: str, bits: int, moment: datetime) -> Challenge:
    """Return a fresh challenge."""
    issued, salt = int(moment.timestamp()), secrets.token_hex(12)
    plain = f"{issued}.{bits}.{salt}"
    return Challenge(issued, bits, salt, f"{plain}.{_mac(secret_key, plain)}")


def read(secret_key: str, text: str, moment: datetime) -> Challenge | None:
    """Return the challenge that *text* holds, or None when it is not ours or too old."""
    plain, _, mac = text.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(secret_key, plain).encode()):
        return None
    issued, bits, salt = plain.split(".")
    if not 0 <= moment.timestamp() - int(issued) <= LIFETIME_SECONDS:
        return None
    return Challenge(int(issued), int(bits), salt, text)


def solved(challenge: Challenge, answer: str) -> bool:
    """Tell whether *answer* is the number that was asked for."""
    if not answer.isascii() or not answer.isdigit() or len(answer) > 12:
        return False
    digest = hashlib.sha256(f"{challenge.salt}.{answer}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - challenge.bits) == 0


def waited(challenge: Challenge, seconds: int, moment: datetime) -> bool:
    """Tell whether the sender took *seconds* since the challenge was given."""
    return moment.timestamp() - challenge.issued >= seconds


def _mac(secret_key: str, plain: str) -> str:
    key = hashlib.sha256(b"heyan lead proof" + secret_key.encode()).digest()
    return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()
