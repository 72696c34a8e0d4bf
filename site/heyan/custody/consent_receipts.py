"""Receipts of consent: one signed statement for each line of a person's ledger (A2, A7).

The person can download them and check them with ``static/tools/heyan_verify.py``. They name ids,
the version, its digest and the text as it was shown; never a name, an address or a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heyan.custody import signing

FORMAT = "heyan-consent-receipt/1"


@dataclass(frozen=True)
class ConsentStatement:
    """What somebody agreed to or took back. ``policy_sha256`` is hex."""

    consent_id: str
    account_id: str
    registration_id: str | None
    student_id: str | None
    purpose: str
    granted: bool
    at: datetime
    policy_version: str
    policy_sha256: str
    text_shown: str
    details: Mapping[str, Any] = field(default_factory=dict)


def sign_consent(said: ConsentStatement, root: Ed25519PrivateKey) -> str:
    """Return the statement as a DSSE envelope."""
    body = signing.canonical(
        {
            "format": FORMAT,
            "consent_id": said.consent_id,
            "account_id": said.account_id,
            "registration_id": said.registration_id,
            "student_id": said.student_id,
            "purpose": said.purpose,
            "granted": said.granted,
            "at": said.at.astimezone(UTC).isoformat(timespec="seconds"),
            "policy_version": said.policy_version,
            "policy_sha256": said.policy_sha256,
            "text_shown": said.text_shown,
            "details": dict(said.details),
        }
    )
    return signing.sign(signing.CONSENT_TYPE, body, root)
