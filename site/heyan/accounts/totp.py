"""One-time codes (RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes. No Flask, no database.

The present and the previous step are taken, each at most once (C-37).
"""

from __future__ import annotations

import hmac
import io
import re
import secrets
import unicodedata
from base64 import b64encode

import pyotp
import segno

STEP_SECONDS = 30
RECOVERY_CODES = 10
# Crockford's base32: no letters that look like digits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def code_at(secret: str, step: int) -> str:
    """Return the code of *step* (seconds since the epoch // 30)."""
    return str(pyotp.TOTP(secret).generate_otp(step))


def matching_step(secret: str, code: str, *, epoch: float, last_step: int) -> int | None:
    """Return the step *code* belongs to, or None when it is wrong, too old or used already."""
    digits = re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", code))
    present = int(epoch) // STEP_SECONDS
    found: int | None = None
    for step in (present, present - 1):
        same = hmac.compare_digest(code_at(secret, step), digits)
        if same and step > last_step:
            found = step
    return found


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """Return the otpauth:// address an authenticator reads."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer))


def qr_data_uri(uri: str) -> str:
    """Return *uri* as a QR code, an SVG in a data: address (dark on white in both schemes)."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(
        out, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return "data:image/svg+xml;base64," + b64encode(out.getvalue()).decode()


def grouped(secret: str) -> str:
    """Return *secret* in groups of four, for typing."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def new_code(length: int) -> str:
    """Return a random code in groups of four or five."""
    size = 5 if length % 5 == 0 else 4
    code = "".join(secrets.choice(ALPHABET) for _ in range(length))
    return "-".join(code[at : at + size] for at in range(0, length, size))


def plain_code(typed: str) -> str:
    """Return a typed code as it was issued: case, blanks, hyphens and look-alikes do not count."""
    kept = re.sub(r"[^0-9A-Za-z]", "", unicodedata.normalize("NFKC", typed)).upper()
    return kept.replace("O", "0").replace("I", "1").replace("L", "1")


def new_recovery_codes() -> list[str]:
    """Return ten fresh recovery codes (50 bits each, stored under a key)."""
    return [new_code(10) for _ in range(RECOVERY_CODES)]
