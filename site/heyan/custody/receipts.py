"""Receipts: one signed statement for each step of a document's custody (REQUIREMENTS C3).

The worker signs them with the root; anyone with the root's public key can check one, years
later, with ``static/tools/heyan_verify.py``. They name ids, digests and times, never a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from heyan.custody import signing

FORMAT = "heyan-receipt/1"


@dataclass(frozen=True)
class Receipt:
    """What happened to a document. ``sha256`` is of the sealed ciphertext, hex, or None.

    ``event`` and ``organization`` say for whom, as id and name: {"id": …, "title" | "name": …}.
    """

    document_id: str
    kind: str
    step: str
    at: datetime
    event: Mapping[str, str]
    organization: Mapping[str, str]
    sha256: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def payload(receipt: Receipt) -> bytes:
    """Return the bytes that are signed."""
    return signing.canonical(
        {
            "format": FORMAT,
            "document_id": receipt.document_id,
            "kind": receipt.kind,
            "step": receipt.step,
            "at": receipt.at.astimezone(UTC).isoformat(timespec="seconds"),
            "event": dict(receipt.event),
            "organization": dict(receipt.organization),
            "sha256": receipt.sha256,
            "details": dict(receipt.details),
        }
    )


def sign_receipt(receipt: Receipt, root: Ed25519PrivateKey) -> str:
    """Return the receipt as a DSSE envelope."""
    return signing.sign(signing.RECEIPT_TYPE, payload(receipt), root)


def read_receipt(envelope: str, root: Ed25519PublicKey) -> dict[str, Any]:
    """Return a receipt's payload; raises `signing.SignatureInvalid`."""
    found = json.loads(signing.verify(envelope, root, payload_type=signing.RECEIPT_TYPE))
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise signing.SignatureInvalid("not a receipt")
    return found
