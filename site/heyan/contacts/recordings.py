"""Recordings of calls: taken in as a stream, sealed part by part, known only when all is there.

The order keeps everything (DESIGN 2 rule 6): every part is put under a random name, then one
transaction makes the recording known. A crash in between leaves parts that no row names, and the
sweep removes them. Never more than a part and a half is in memory, and nothing is on disk.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.contacts.models import (
    Contact,
    ContactChannel,
    Recording,
    RecordingConsent,
    RecordingPart,
    RecordingState,
)
from heyan.contacts.recording_consent import recording_due
from heyan.contacts.service import load
from heyan.contacts.vault import RECORDING_PART, part_context, sealing_key
from heyan.custody.audio import HEAD, sniff_audio
from heyan.custody.objects import ObjectStore, new_key
from heyan.custody.sealing import VaultPublicKey, seal
from heyan.db import transaction, uuid7
from heyan.jobs import Job, defer
from heyan.scanning import Scan
from heyan.settings import Settings

# The prefix of the parts' names in the store, by which the sweep tells them from documents.
PREFIX = "c"


class NotAgreed(Exception):
    """The person refused to be recorded or was not asked; ``consent`` says which (S-025)."""

    def __init__(self, consent: RecordingConsent) -> None:
        super().__init__(consent.value)
        self.consent = consent


class NoCall(Exception):
    """Only a call has a recording."""


class NotSound(Exception):
    """The bytes are of no kind of recording that is taken, or none at all."""


class TooLong(Exception):
    """The recording is larger than allowed."""


class TooMany(Exception):
    """The entry has as many recordings as it may."""


@dataclass(frozen=True)
class Part:
    """A sealed part that lies in the store."""

    number: int
    object_key: str
    object_version: str | None
    sha256: bytes
    commitment: bytes


def check_before_body(
    session: Session, settings: Settings, contact_id: uuid.UUID
) -> VaultPublicKey:
    """Check all that can be checked before a byte is read; return the key to seal to.

    Raises `ContactUnknown`, `NoCall`, `NotAgreed`, `TooMany`, and `UntrustedVaultKey`, after
    which a key is being made.
    """
    _check(session, settings, contact_id)
    return sealing_key(session, settings.root_public_key)


def order_key(session: Session) -> None:
    """Ask the worker for the month's key: it makes them ahead, so this is for the first day."""
    with transaction(session):
        defer(session, Job.PROVISION_RECORDING_KEY, lock="recording_key")


def _check(
    session: Session, settings: Settings, contact_id: uuid.UUID, *, lock: bool = False
) -> Contact:
    row = load(session, contact_id, lock=lock)
    if row.channel is not ContactChannel.CALL:
        raise NoCall
    if row.recording_consent is not RecordingConsent.GIVEN:
        raise NotAgreed(row.recording_consent)
    try:
        consents.require_of_call(session, contact_id)
    except consents.ConsentMissing as missing:
        raise NotAgreed(row.recording_consent) from missing
    count = select(func.count()).where(
        Recording.contact_id == contact_id, Recording.state == RecordingState.SEALED
    )
    if (session.scalar(count) or 0) >= settings.recordings_per_contact:
        raise TooMany
    return row


def find(session: Session, contact_id: uuid.UUID, token: str) -> uuid.UUID | None:
    """Return the recording that an earlier try with the same form made, or None."""
    return session.scalar(
        select(Recording.id).where(
            Recording.contact_id == contact_id, Recording.upload_token == token
        )
    )


def attach(
    session: Session,
    settings: Settings,
    actor: Actor,
    objects: ObjectStore,
    key: VaultPublicKey,
    contact_id: uuid.UUID,
    token: str,
    chunks: Iterable[bytes],
) -> uuid.UUID:
    """Seal a recording as it comes in and make it known; the same *token* again makes no second.

    *key* is of `check_before_body`. Raises what that raises when the entry changed meanwhile,
    `NotSound`, `TooLong`, `Infected`, `ScannerAway` and `ObjectStoreUnavailable`.
    """
    known = find(session, contact_id, token)
    # No connection is held while the recording comes in.
    session.commit()
    if known is not None:
        return known
    recording_id = uuid7()
    with Scan(settings.scan_command) as scan:
        measured = _Measured(chunks, settings.max_recording_bytes, scan)
        parts = [
            _put(objects, key, recording_id, number, data, last=last)
            for number, (data, last) in enumerate(_in_parts(measured))
        ]
        scan.verdict()
    try:
        return _make_known(
            session, settings, actor, key, contact_id, token, recording_id, measured, parts
        )
    except IntegrityError:
        # The same form came twice at once: the other one won, and our parts have no row.
        known = find(session, contact_id, token)
        if known is None:
            raise
        return known


class _Measured:
    """The chunks as they pass: counted, shown to the scanner, their kind told from the first."""

    def __init__(self, chunks: Iterable[bytes], limit: int, scan: Scan) -> None:
        self._chunks, self._limit, self._scan = chunks, limit, scan
        self.length = 0
        self.format = ""

    def __iter__(self) -> Iterator[bytes]:
        head = b""
        for chunk in self._chunks:
            self.length += len(chunk)
            if self.length > self._limit:
                raise TooLong
            self._scan.feed(chunk)
            if self.format:
                yield chunk
                continue
            head += chunk
            if len(head) >= HEAD:
                self._name(head)
                yield head
        if not self.format:
            self._name(head)
            yield head

    def _name(self, head: bytes) -> None:
        found = sniff_audio(head)
        if found is None or self.length < HEAD:
            raise NotSound
        self.format = found


def _in_parts(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into parts of `RECORDING_PART` bytes, each with whether it is the last."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        # Only what has something behind it is known not to be the last.
        while len(held) > RECORDING_PART:
            yield bytes(held[:RECORDING_PART]), False
            del held[:RECORDING_PART]
    yield bytes(held), True


def _put(
    objects: ObjectStore,
    key: VaultPublicKey,
    recording_id: uuid.UUID,
    number: int,
    data: bytes,
    *,
    last: bool,
) -> Part:
    context = part_context(key.event_id, recording_id, number, last=last)
    sealed = seal(data, key, context)
    name = new_key(PREFIX)
    version = objects.put_sealed(name, sealed.ciphertext)
    return Part(number, name, version, sealed.sha256, sealed.commitment)


def _make_known(
    session: Session,
    settings: Settings,
    actor: Actor,
    key: VaultPublicKey,
    contact_id: uuid.UUID,
    token: str,
    recording_id: uuid.UUID,
    measured: _Measured,
    parts: list[Part],
) -> uuid.UUID:
    with transaction(session):
        # Again under the lock: the person may have refused, or others attached, meanwhile.
        contact = _check(session, settings, contact_id, lock=True)
        known = find(session, contact_id, token)
        if known is not None:
            return known
        moment = clock.now()
        due, reason = recording_due(session, contact, moment)
        session.add(
            Recording(
                id=recording_id,
                contact_id=contact_id,
                state=RecordingState.SEALED,
                format=measured.format,
                plain_bytes=measured.length,
                part_count=len(parts),
                key_id=key.key_id,
                upload_token=token,
                received_by=actor.id,
                received_at=moment,
                destroy_due_at=due,
                destroy_reason=reason,
            )
        )
        session.flush()
        session.add_all(
            RecordingPart(
                recording_id=recording_id,
                number=part.number,
                object_key=part.object_key,
                object_version=part.object_version,
                ciphertext_sha256=part.sha256,
                commitment=part.commitment,
            )
            for part in parts
        )
        record(
            session, actor, "recordings.attached", "recording", recording_id,
            contact_id=contact_id, format=measured.format, bytes=measured.length,
            parts=len(parts), key_id=key.key_id,
        )  # fmt: skip
        return recording_id
