"""What the web hands the worker to look for duplicates in: sealed, and ids alone (Q4, Q6).

The web takes SHA-256 of a file while it has it in memory anyway, seals it to the event's vault
key and forgets it. Compared are keyed digests, in the worker, within one event.
"""

from __future__ import annotations

import hashlib
import uuid

from sqlalchemy.orm import Session

from heyan.custody.sealing import SealContext, Sealed, VaultPublicKey, seal
from heyan.jobs import Job, defer
from heyan.safety.models import SealedDigest

FILE_DIGEST = "file_digest"


def digest_context(
    event_id: uuid.UUID, registration_id: uuid.UUID, document_id: uuid.UUID
) -> SealContext:
    """Return what a sealed digest is bound to: this document of this registration alone."""
    return SealContext(event_id, registration_id, document_id, FILE_DIGEST)


def seal_digest(data: bytes, key: VaultPublicKey, context: SealContext) -> Sealed:
    """Return the digest of a file as it was handed in, sealed for the worker alone."""
    return seal(hashlib.sha256(data).digest(), key, context)


def keep_digest(session: Session, context: SealContext, sealed: Sealed, key_id: str) -> None:
    """Keep a sealed digest beside its document, in the transaction that makes this known."""
    session.add(
        SealedDigest(
            document_id=context.document_id,
            registration_id=context.registration_id,
            sealed=sealed.ciphertext,
            ciphertext_sha256=sealed.sha256,
            commitment=sealed.commitment,
            vault_key_id=key_id,
        )
    )


def check_duplicates(session: Session, registration_id: uuid.UUID) -> None:
    """Have a registration that was handed in looked at, when the caller's transaction ends well."""
    defer(
        session,
        Job.CHECK_DUPLICATES,
        lock=f"duplicates:{registration_id}",
        registration_id=registration_id,
    )
