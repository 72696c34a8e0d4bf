"""The vault keys of recordings: one a month, trusted only with the root's word.

A month is a vault as an event is one, so the same signatures, envelopes and keyring serve both.
Its name is derived from the month in a namespace that no event's random id falls into.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.contacts.models import RecordingKey, RecordingKeyStatus
from heyan.custody.sealing import SealContext, UntrustedVaultKey, VaultPublicKey, check_vault_key

_NAMESPACE = uuid.UUID("5b1f9d0e-6c0a-5d6f-9a53-0f6f1b7d9b11")
# How much of a recording one envelope holds.
RECORDING_PART = 8 * 1024 * 1024


def vault_of(moment: datetime) -> uuid.UUID:
    """Return the name of the vault that recordings of *moment*'s month (China's) go to."""
    return uuid.uuid5(_NAMESPACE, f"recordings/{clock.local(moment):%Y-%m}")


def part_context(
    vault_id: uuid.UUID, recording_id: uuid.UUID, number: int, *, last: bool
) -> SealContext:
    """Return what a part is bound to: recording, place, and whether anything follows."""
    end = "last" if last else "more"
    return SealContext(
        event_id=vault_id,
        registration_id=recording_id,
        document_id=recording_id,
        kind=f"recording/{number}/{end}",
    )


def sealing_key(session: Session, root_public_key: bytes) -> VaultPublicKey:
    """Return this month's newest active key, its signature checked (C-17).

    *root_public_key* is the pinned one, 32 bytes. Raises `UntrustedVaultKey`, also when the
    month has no key yet.
    """
    now = clock.now()
    vault_id = vault_of(now)
    row = session.scalars(
        select(RecordingKey)
        .where(RecordingKey.vault_id == vault_id, RecordingKey.status == RecordingKeyStatus.ACTIVE)
        .order_by(RecordingKey.version.desc())
        .limit(1)
    ).first()
    if row is None:
        raise UntrustedVaultKey("the month has no active key for recordings")
    key = VaultPublicKey(
        key_id=row.key_id,
        event_id=row.vault_id,
        version=row.version,
        suite=row.suite,
        public_key=bytes(row.public_key),
        not_before=row.not_before,
        not_after=row.not_after,
        signature=bytes(row.signature),
    )
    root = Ed25519PublicKey.from_public_bytes(root_public_key)
    check_vault_key(key, root=root, event_id=vault_id, now=now)
    return key
