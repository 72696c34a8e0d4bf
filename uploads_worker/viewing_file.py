"""The file of a viewing: each record opened, pictures marked once more, packed, sealed to one.

Pictures are opened in memory, and drawn on in a decoder child as every picture is; recordings go
through in pieces. Both leave only as an age file for one pinned key.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from heyan import clock
from heyan.custody import signing
from heyan.custody.audio import HEAD, sniff_audio
from heyan.custody.images import ImageRefused, Mark, PictureSpec, normalise
from heyan.custody.objects import ObjectCorrupt, ObjectMissing
from heyan.custody.sealing import SealContext
from heyan.documents.models import Document, DocumentState
from uploads_worker import export_sheet
from uploads_worker.context import Context
from uploads_worker.keyring import KeyDestroyed, KeyUnknown
from uploads_worker.opening import OpeningFailed, open_sealed
from uploads_worker.releases.sealing_out import SEGMENT_BYTES, SealedFile, encrypt_to
from uploads_worker.releases.zipping import ZipStream

FORMAT = "heyan-viewing/1"
INDEX_FORMAT = "heyan-viewing-index/1"
PART_BYTES = 4 * 1024 * 1024
# A picture that is marked again may grow a little; it is seen by one person, for a day.
PICTURE_BYTES = 8_000_000
MARK = "仅供本次核查 不得留存"

MISSING, BROKEN, GONE = "missing", "broken", "gone"
# What the browser is told of a recording.
SOUNDS = {
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "wav": "audio/wav", "ogg": "audio/ogg",
    "amr": "audio/amr",
}  # fmt: skip


class SubjectGone(Exception):
    """The record was destroyed, replaced or withdrawn: nobody looks at it any more."""


@dataclass(frozen=True)
class Order:
    """What is to be opened, for whom, and what is drawn on it."""

    viewing_id: uuid.UUID
    object_key: str
    kind: str
    subjects: tuple[uuid.UUID, ...]
    recipient: str
    name: str
    number: str


@dataclass
class Made:
    """A viewing's file as it lies in the store, its manifest, and what is not in it (why)."""

    file: SealedFile
    manifest: str
    problems: dict[uuid.UUID, str] = field(default_factory=dict)
    # Of a list: how many rows it holds.
    rows: int | None = None


def write(context: Context, order: Order) -> Made:
    """Write the order's file under its key. Raises `ObjectStoreUnavailable`; then there is none.

    A record that is gone or does not open is named in the index, and the rest goes out.
    """
    problems: dict[uuid.UUID, str] = {}
    digest: list[str] = []
    rows: list[int] = []
    with context.objects.release_writer(order.object_key) as out:
        plaintext = _plaintext(context, order, problems, digest, rows)
        sealed = encrypt_to(out, plaintext, [order.recipient])
    manifest = {
        "format": FORMAT,
        "release_id": str(order.viewing_id),
        "created_at": clock.now().isoformat(timespec="seconds"),
        "recipient": order.recipient,
        "recipients": [order.recipient],
        "index_sha256": digest[0],
        "file": {
            "bytes": sealed.length,
            "sha256": sealed.sha256.hex(),
            "segment_bytes": SEGMENT_BYTES,
            "segments": list(sealed.segments),
        },
    }
    envelope = signing.sign(signing.VIEWING_TYPE, signing.canonical(manifest), context.keyring.root)
    return Made(sealed, envelope, problems, rows[0] if rows else None)


def _plaintext(
    context: Context,
    order: Order,
    problems: dict[uuid.UUID, str],
    digest: list[str],
    rows: list[int],
) -> Iterator[bytes]:
    packed = ZipStream()
    items: list[dict[str, Any]] = []
    for number, subject_id in enumerate(order.subjects, start=1):
        item: dict[str, Any] = {"subject_id": str(subject_id), "kind": order.kind, "parts": []}
        items.append(item)
        try:
            opener = _OPENERS[order.kind]
            for at, piece in enumerate(opener(context, order, subject_id, item), start=1):
                path = f"items/{number:03d}.{at:04d}"
                yield from packed.entry(path, [piece])
                item["parts"].append({"path": path, "sha256": hashlib.sha256(piece).hexdigest()})
            item["state"] = "included"
            rows += [item["rows"]] if "rows" in item else []
        except ObjectMissing:
            item["state"] = problems[subject_id] = MISSING
        except SubjectGone:
            item["state"] = problems[subject_id] = GONE
        except (OpeningFailed, ObjectCorrupt, ImageRefused, KeyUnknown, KeyDestroyed):
            item["state"] = problems[subject_id] = BROKEN
        if subject_id in problems:
            item["parts"] = []
    index = signing.canonical(
        {"format": INDEX_FORMAT, "release_id": str(order.viewing_id), "items": items}
    )
    digest.append(hashlib.sha256(index).hexdigest())
    detached = signing.sign_detached(signing.VIEWING_INDEX_TYPE, index, context.keyring.root)
    yield from packed.entry("index.json", [index])
    yield from packed.entry("index.json.sig", [detached.encode()])
    yield from packed.end()


def may_be_shown(row: Document | None) -> bool:
    """Tell whether a document is still kept for its purpose, so that someone may look at it."""
    return (
        row is not None
        and row.destroyed_at is None
        and row.destroy_due_at > clock.now()
        and row.state not in (DocumentState.SUPERSEDED, DocumentState.DESTROYED)
    )


def _document(
    context: Context, order: Order, document_id: uuid.UUID, item: dict[str, Any]
) -> Iterator[bytes]:
    with context.sessions() as session:
        row = session.scalars(select(Document).where(Document.id == document_id)).first()
    if row is None or not may_be_shown(row):
        raise SubjectGone
    sealed = context.objects.get_sealed(row.object_key, row.object_version)
    data = open_sealed(
        sealed,
        private_key=context.keyring.vault_private_key(row.vault_key_id),
        context=SealContext(row.event_id, row.registration_id, row.id, row.kind.value),
        sha256=bytes(row.ciphertext_sha256),
        commitment=bytes(row.commitment),
    )
    item["kind"], item["media_type"] = row.kind.value, "image/jpeg"
    yield normalise(data, PictureSpec(max_bytes=PICTURE_BYTES, min_side=0), mark_of(order)).data


def mark_of(order: Order) -> Mark:
    """Return what is drawn over the mark that is there: who looks, when, by which request."""
    at = f"{clock.local(clock.now()):%Y-%m-%d %H:%M}"
    return Mark(
        organizer=f"查看人 {order.name}",
        event=at,
        document_number=order.number,
        date="",
        purpose=MARK,
    )


def _recording(
    context: Context, _order: Order, recording_id: uuid.UUID, item: dict[str, Any]
) -> Iterator[bytes]:
    # Of another room of the house; what it yields is plain sound.
    from uploads_worker.recordings import RecordingGone, open_recording

    try:
        for piece in regrouped(open_recording(context, recording_id), PART_BYTES):
            item.setdefault("media_type", media_type(piece))
            yield piece
    except RecordingGone as error:
        raise SubjectGone from error


def _export(
    context: Context, order: Order, export_id: uuid.UUID, item: dict[str, Any]
) -> Iterator[bytes]:
    data, rows = export_sheet.write(context, export_id, name=order.name, number=order.number)
    if not rows:
        raise SubjectGone
    item["media_type"], item["rows"] = "text/csv", rows
    yield from regrouped([data], PART_BYTES)


_OPENERS = {"document": _document, "recording": _recording, "export": _export}


def regrouped(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of *size*, the last one shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def media_type(head: bytes) -> str:
    """Return what kind of sound a recording is, by its first bytes."""
    return SOUNDS.get(sniff_audio(head[:HEAD]) or "", "application/octet-stream")


__all__ = ["Made", "Order", "mark_of", "may_be_shown", "media_type", "regrouped", "write"]
