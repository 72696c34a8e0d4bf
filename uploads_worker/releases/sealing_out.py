"""From plaintext as it is made to a verified object: age, digests of segments, S3 multipart.

Nothing is ever whole in memory: the plaintext is pulled from an iterator, the ciphertext leaves
in parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self

import pyrage

SEGMENT_BYTES = 4 * 1024 * 1024


class Sink(Protocol):
    """Where the ciphertext goes."""

    def write(self, data: bytes, /) -> int:
        """Take *data*."""
        ...


@dataclass(frozen=True)
class SealedFile:
    """What the manifest says of the file: length, digest of the whole, of each segment (hex)."""

    length: int
    sha256: bytes
    segments: tuple[str, ...]


def encrypt_to(sink: Sink, plaintext: Iterable[bytes], recipients: Sequence[str]) -> SealedFile:
    """Encrypt *plaintext* to every one of *recipients* and write it to *sink*.

    An error of the source or of the sink comes out as it is.
    """
    keys = [pyrage.x25519.Recipient.from_str(one) for one in recipients]
    source, digests = _Source(iter(plaintext)), _Digests(sink)
    try:
        with digests:
            try:
                pyrage.encrypt_io(source, digests, keys)
            except pyrage.EncryptError:
                # It turns every error into one of its own: give back what really happened.
                if (first := source.error or digests.error) is not None:
                    raise first from None
                raise
            return digests.finish()
    finally:
        source.close()


class _Source:
    """What age reads from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.error: BaseException | None = None
        self._pieces = pieces
        self._piece = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        try:
            while self._at >= len(self._piece):
                piece = next(self._pieces, None)
                if piece is None:
                    return b""
                self._piece, self._at = piece, 0
        except BaseException as error:
            self.error = error
            raise
        taken = self._piece[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def close(self) -> None:
        # A generator lets go of its threads and pictures now, not when it is collected.
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


class _Digests:
    """What age writes to: cut into segments, each hashed on a thread beside the writing."""

    def __init__(self, sink: Sink) -> None:
        self.error: BaseException | None = None
        self._sink = sink
        self._pieces: list[bytes] = []
        self._held = 0
        self._whole = hashlib.sha256()
        self._bytes = 0
        self._hashing: list[Future[str]] = []
        self._segments: list[str] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="release-digest")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def write(self, data: bytes) -> int:
        try:
            self._pieces.append(data)
            self._held += len(data)
            while self._held >= SEGMENT_BYTES:
                over = self._held - SEGMENT_BYTES
                last = self._pieces[-1]
                self._pieces[-1] = last[: len(last) - over]
                segment = b"".join(self._pieces)
                self._pieces, self._held = [last[len(last) - over :]], over
                self._send(segment)
        except BaseException as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is left goes out in `finish`."""

    def finish(self) -> SealedFile:
        """Write what is left and return the digests."""
        if self._held:
            self._send(b"".join(self._pieces))
        self._collect(0)
        return SealedFile(self._bytes, self._whole.digest(), tuple(self._segments))

    def _send(self, segment: bytes) -> None:
        self._bytes += len(segment)
        self._hashing.append(self._thread.submit(self._hash, segment))
        self._collect(1)
        self._sink.write(segment)

    def _hash(self, segment: bytes) -> str:
        self._whole.update(segment)
        return hashlib.sha256(segment).hexdigest()

    def _collect(self, left: int) -> None:
        while len(self._hashing) > left:
            self._segments.append(self._hashing.pop(0).result())
