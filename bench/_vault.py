"""A vault key for the measurements, with nobody's private half."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from heyan.custody.sealing import SealContext, VaultPublicKey, vault_key_id


def key() -> VaultPublicKey:
    """Return a fresh public key; its signature is not looked at here."""
    public = (
        MLKEM768PrivateKey.generate().public_key().public_bytes_raw()
        + X25519PrivateKey.generate().public_key().public_bytes_raw()
    )
    now = datetime.now(UTC)
    return VaultPublicKey(
        key_id=vault_key_id(public),
        event_id=uuid.uuid4(),
        version=1,
        suite=1,
        public_key=public,
        not_before=now,
        not_after=now + timedelta(days=1),
        signature=b"",
    )


def context(vault: VaultPublicKey) -> SealContext:
    """Return what a document is bound to."""
    return SealContext(
        event_id=vault.event_id,
        registration_id=uuid.uuid4(),
        document_id=uuid.uuid4(),
        kind="id_card_front",
    )
