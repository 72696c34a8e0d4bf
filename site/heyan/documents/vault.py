"""The vault key that an event's documents are sealed to, trusted only with the root's word."""

from __future__ import annotations

import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.custody.sealing import UntrustedVaultKey, VaultPublicKey, check_vault_key
from heyan.events.models import VaultKey, VaultKeyStatus


def sealing_key(session: Session, event_id: uuid.UUID, root_public_key: bytes) -> VaultPublicKey:
    """Return the event's newest active vault key, its signature checked (C-17).

    *root_public_key* is the pinned one of the settings, 32 bytes. Raises `UntrustedVaultKey`,
    also when the event has no key yet.
    """
    row = session.scalars(
        select(VaultKey)
        .where(VaultKey.event_id == event_id, VaultKey.status == VaultKeyStatus.ACTIVE)
        .order_by(VaultKey.version.desc())
        .limit(1)
    ).first()
    if row is None:
        raise UntrustedVaultKey("the event has no active vault key")
    key = VaultPublicKey(
        key_id=row.key_id,
        event_id=row.event_id,
        version=row.version,
        suite=row.suite,
        public_key=bytes(row.public_key),
        not_before=row.not_before,
        not_after=row.not_after,
        signature=bytes(row.signature),
    )
    check_vault_key(
        key,
        root=Ed25519PublicKey.from_public_bytes(root_public_key),
        event_id=event_id,
        now=clock.now(),
    )
    return key
