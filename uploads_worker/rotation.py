"""Rotation: seal an event's documents and ID numbers to its newest key; make another root (C-20).

Every command may stop anywhere and be given again. A document that an organizer holds and has not
decided yet keeps its ciphertext: the decision is bound to that ciphertext's digest. It is counted
as waiting, and moved when the command is given after the decision.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from heyan.audit.service import OPERATOR, record
from heyan.custody import signing
from heyan.custody.objects import new_key
from heyan.custody.sealing import SealContext, Sealed, VaultPublicKey, seal
from heyan.db import transaction
from heyan.documents.models import Document, DocumentState
from heyan.documents.vault import sealing_key
from heyan.events.models import VaultKey, VaultKeyStatus
from heyan.registrations.models import Registration
from heyan.releases.models import ItemState, ReleaseItem
from uploads_worker import recordings
from uploads_worker.context import Context
from uploads_worker.keyring import KeyringError
from uploads_worker.opening import OpeningFailed, open_sealed
from uploads_worker.vault import sign_vault_key

log = structlog.get_logger("worker")

BATCH = 100
ID_NUMBER = "id_number"


@dataclass
class _Count:
    documents: int = 0
    numbers: int = 0
    waiting: int = 0
    failed: int = 0


def reseal(context: Context, event_id: uuid.UUID) -> dict[str, int]:
    """Seal everything of the event to its newest key; return how many, and what is left.

    ``failed`` counts what does not open (each is named in the audit trail and left as it is).
    Raises `UntrustedVaultKey` when the event has no key to seal to.
    """
    with context.sessions() as session:
        key = sealing_key(session, event_id, context.keyring.root_public_key)
    count = _Count()
    after = uuid.UUID(int=0)
    while True:
        with context.sessions() as session:
            page = list(
                session.scalars(
                    select(Document)
                    .where(
                        Document.event_id == event_id,
                        Document.destroyed_at.is_(None),
                        Document.vault_key_id != key.key_id,
                        Document.id > after,
                    )
                    .order_by(Document.id)
                    .limit(BATCH)
                )
            )
        for document in page:
            _document(context, document, key, count)
        if len(page) < BATCH:
            break
        after = page[-1].id
    _numbers(context, event_id, key, count)
    with context.sessions() as session, transaction(session):
        record(
            session, OPERATOR, "vault.reseal", "event", event_id,
            key_id=key.key_id, documents=count.documents, numbers=count.numbers,
            waiting=count.waiting, failed=count.failed,
        )  # fmt: skip
    return dict(vars(count))


def _again(
    context: Context,
    ciphertext: bytes,
    key_id: str,
    key: VaultPublicKey,
    where: SealContext,
    sha256: bytes,
    commitment: bytes,
) -> Sealed:
    """Open with the old key and seal to the new one, in memory."""
    private = context.keyring.vault_private_key(key_id)
    plaintext = open_sealed(
        ciphertext, private_key=private, context=where, sha256=sha256, commitment=commitment
    )
    return seal(plaintext, key, where)


def _document(context: Context, seen: Document, key: VaultPublicKey, count: _Count) -> None:
    if seen.state is DocumentState.RELEASED or _claimed(context, seen.id):
        count.waiting += 1
        return
    where = SealContext(seen.event_id, seen.registration_id, seen.id, seen.kind.value)
    try:
        old = context.objects.get_sealed(seen.object_key, seen.object_version)
        sealed = _again(
            context, old, seen.vault_key_id, key, where,
            bytes(seen.ciphertext_sha256), bytes(seen.commitment),
        )  # fmt: skip
    except (OpeningFailed, KeyringError):
        count.failed += 1
        _broken(context, "document", seen.id)
        return
    object_key = new_key()
    version = context.objects.put_sealed(object_key, sealed.ciphertext)
    with context.sessions() as session, transaction(session):
        row = session.get(Document, seen.id, with_for_update=True)
        moved = (
            row is not None
            and row.object_key == seen.object_key
            and row.destroyed_at is None
            and row.state is not DocumentState.RELEASED
            and not _is_claimed(session, seen.id)
        )
        if row is not None and moved:
            row.object_key, row.object_version = object_key, version
            row.vault_key_id = key.key_id
            row.ciphertext_sha256, row.commitment = sealed.sha256, sealed.commitment
            row.ciphertext_bytes = len(sealed.ciphertext)
            record(
                session, OPERATOR, "documents.reseal", "document", seen.id,
                key_id=key.key_id, before=bytes(seen.ciphertext_sha256).hex(),
                after=sealed.sha256.hex(),
            )  # fmt: skip
    # Whichever is not in the row any more goes; after a crash here the sweep takes it.
    context.objects.destroy_sealed(seen.object_key if moved else object_key)
    if moved:
        count.documents += 1
    else:
        count.waiting += 1


def _claimed(context: Context, document_id: uuid.UUID) -> bool:
    with context.sessions() as session:
        return _is_claimed(session, document_id)


def _is_claimed(session: Session, document_id: uuid.UUID) -> bool:
    """Tell whether a batch is being made with the document in it: its object must stay."""
    found = session.scalar(
        select(
            exists().where(
                ReleaseItem.document_id == document_id, ReleaseItem.state == ItemState.CLAIMED
            )
        )
    )
    return bool(found)


def _numbers(context: Context, event_id: uuid.UUID, key: VaultPublicKey, count: _Count) -> None:
    with context.sessions() as session:
        ids = list(
            session.scalars(
                select(Registration.id).where(
                    Registration.event_id == event_id,
                    Registration.id_number_sealed.is_not(None),
                    Registration.id_number_key_id != key.key_id,
                )
            )
        )
    for registration_id in ids:
        with context.sessions() as session, transaction(session):
            row = session.get(Registration, registration_id, with_for_update=True)
            if row is None or row.id_number_sealed is None or row.id_number_key_id == key.key_id:
                continue
            where = SealContext(event_id, row.id, row.id, ID_NUMBER)
            try:
                sealed = _again(
                    context, bytes(row.id_number_sealed), row.id_number_key_id or "", key, where,
                    bytes(row.id_number_sha256 or b""), bytes(row.id_number_commitment or b""),
                )  # fmt: skip
            except (OpeningFailed, KeyringError):
                count.failed += 1
                record(session, OPERATOR, "vault.reseal", "registration", row.id, outcome="failed")
                continue
            row.id_number_sealed = sealed.ciphertext
            row.id_number_sha256, row.id_number_commitment = sealed.sha256, sealed.commitment
            row.id_number_key_id = key.key_id
            count.numbers += 1


def _broken(context: Context, kind: str, subject: uuid.UUID) -> None:
    with context.sessions() as session, transaction(session):
        record(session, OPERATOR, "vault.reseal", kind, subject, outcome="failed")


def rotate_root(context: Context) -> bytes:
    """Make a new signing root and sign every vault key in use with it; return its public half.

    The web goes on to refuse the new signatures until ROOT_PUBLIC_KEY names the new root, so it
    is restarted with it right after. What the old root signed verifies with the old public key.
    """
    private = Ed25519PrivateKey.generate()
    before = signing.key_id(context.keyring.root.public_key())
    context.keyring.replace_root(private)
    public = context.keyring.root_public_key
    with context.sessions() as session, transaction(session):
        for row in session.scalars(
            select(VaultKey).where(VaultKey.status != VaultKeyStatus.DESTROYED).with_for_update()
        ):
            sign_vault_key(context, row)
        recordings.sign_keys_anew(context, session)
        record(
            session, OPERATOR, "root.rotate", "root",
            before=before, after=signing.key_id(private.public_key()),
        )  # fmt: skip
    return public
