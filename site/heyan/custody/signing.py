"""Signed statements: DSSE envelopes (version 1) with Ed25519, and detached ones over a file.

The payload type is part of what is signed, so that a receipt can never pass for a manifest. The
same format is read by ``static/js/organizer/manifest.js`` and ``static/tools/heyan_verify.py``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECEIPT_TYPE = "application/vnd.heyan.receipt+json"
CONSENT_TYPE = "application/vnd.heyan.consent-receipt+json"
MANIFEST_TYPE = "application/vnd.heyan.release-manifest+json"
INDEX_TYPE = "application/vnd.heyan.release-index+json"
VIEWING_TYPE = "application/vnd.heyan.viewing-manifest+json"
VIEWING_INDEX_TYPE = "application/vnd.heyan.viewing-index+json"
AUDIT_SEAL_TYPE = "application/vnd.heyan.audit-seal+json"
DESTRUCTION_TYPE = "application/vnd.heyan.destruction-certificate+json"
VAULT_KEY_TYPE = "application/vnd.heyan.vault-key+json"

# An envelope longer than this was not made by us (a manifest of 1 TiB has 34 MB of digests).
MAX_ENVELOPE = 64 * 1024 * 1024


class SignatureInvalid(Exception):
    """The envelope was not signed by this key for this purpose."""


def canonical(value: Any) -> bytes:
    """Return *value* as JSON with sorted keys and no spaces: the same bytes for the same value."""
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def raw_public(public: Ed25519PublicKey) -> bytes:
    """Return the 32 bytes of a public key."""
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(public: Ed25519PublicKey) -> str:
    """Return the name of a key: the first 16 hex digits of SHA-256 of its 32 bytes."""
    return hashlib.sha256(raw_public(public)).hexdigest()[:16]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what a DSSE signature covers (pre-authentication encoding, DSSE protocol 1.0.0)."""
    name = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def sign(payload_type: str, payload: bytes, private: Ed25519PrivateKey) -> str:
    """Return the DSSE envelope of *payload* as JSON text."""
    return json.dumps(
        {
            "payloadType": payload_type,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [_signature(payload_type, payload, private)],
        }
    )


def sign_detached(payload_type: str, payload: bytes, private: Ed25519PrivateKey) -> str:
    """Return an envelope without its payload, to lie beside the file that it signs."""
    return json.dumps(
        {
            "payloadType": payload_type,
            "signatures": [_signature(payload_type, payload, private)],
        }
    )


def _signature(payload_type: str, payload: bytes, private: Ed25519PrivateKey) -> dict[str, str]:
    signature = private.sign(pae(payload_type, payload))
    return {
        "keyid": key_id(private.public_key()),
        "sig": base64.b64encode(signature).decode(),
    }


def verify(envelope: str, public: Ed25519PublicKey, *, payload_type: str) -> bytes:
    """Return the payload of *envelope*; raises `SignatureInvalid`, whatever is wrong with it."""
    parsed = _parse(envelope, payload_type)
    payload = _decode(parsed.get("payload"))
    _check(parsed, payload, public, payload_type)
    return payload


def verify_detached(
    envelope: str, payload: bytes, public: Ed25519PublicKey, *, payload_type: str
) -> None:
    """Check a detached envelope over *payload*; raises `SignatureInvalid`."""
    _check(_parse(envelope, payload_type), payload, public, payload_type)


def _parse(envelope: str, payload_type: str) -> dict[str, Any]:
    if len(envelope) > MAX_ENVELOPE:
        raise SignatureInvalid("the envelope is too long")
    try:
        parsed = json.loads(envelope)
    except (ValueError, RecursionError) as error:
        raise SignatureInvalid("the envelope is not JSON") from error
    if not isinstance(parsed, dict) or parsed.get("payloadType") != payload_type:
        raise SignatureInvalid("the envelope is of another type")
    return parsed


def _decode(text: Any) -> bytes:
    if not isinstance(text, str):
        raise SignatureInvalid("the envelope is incomplete")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid("the envelope is not base64") from error


def _check(
    parsed: dict[str, Any], payload: bytes, public: Ed25519PublicKey, payload_type: str
) -> None:
    signatures = parsed.get("signatures")
    wanted = key_id(public)
    message = pae(payload_type, payload)
    for one in signatures if isinstance(signatures, list) else []:
        named = one.get("keyid") if isinstance(one, dict) else None
        if not isinstance(named, str) or not hmac.compare_digest(named.encode(), wanted.encode()):
            continue
        try:
            public.verify(_decode(one.get("sig")), message)
        except (InvalidSignature, SignatureInvalid):
            continue
        return
    raise SignatureInvalid("no signature of this key fits")
