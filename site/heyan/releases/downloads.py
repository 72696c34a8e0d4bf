"""One byte range of a release as an answer: streamed, resumable, counted when it has left.

Memory stays flat: the store's chunks go through one at a time (C-80, SECURITY 39).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from heyan.custody.objects import ObjectStore, ReleaseRange
from heyan.releases.models import Release

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
LARGEST_DIGITS = 18
Left = Callable[[int, int], None]
May = Callable[[], bool]
# How often a running download looks whether its reader may still have it.
LOOK_SECONDS = 2.0


class RangeUnsatisfiable(Exception):
    """The wanted range begins behind the end of the file."""


@dataclass(frozen=True)
class Span:
    """Bytes ``first`` to ``last``, both inclusive; ``partial`` when a range was asked for."""

    first: int
    last: int
    partial: bool


def wanted_span(header: str | None, size: int) -> Span:
    """Return what a Range header asks for of a file of *size* bytes.

    A header that is no single range of bytes is ignored, as RFC 9110 allows. Raises
    `RangeUnsatisfiable`.
    """
    whole = Span(0, size - 1, partial=False)
    found = _RANGE.fullmatch((header or "").strip())
    if found is None or not any(found.groups()):
        return whole
    if any(len(part) > LARGEST_DIGITS for part in found.groups()):
        raise RangeUnsatisfiable
    begin, end = found.groups()
    if not begin:
        length = min(int(end), size)
        if length == 0:
            raise RangeUnsatisfiable
        return Span(size - length, size - 1, partial=True)
    first, last = int(begin), int(end) if end else size - 1
    if end and last < first:
        return whole
    if first >= size:
        raise RangeUnsatisfiable
    return Span(first, min(last, size - 1), partial=True)


def file_name(release: Release) -> str:
    """Return the name a download is saved under: the event's slug and the batch's number."""
    slug = re.sub(r"[^a-z0-9-]+", "-", release.event.slug.lower()).strip("-")[:60] or "release"
    return f"{slug}-{release.number:03d}.zip.age"


def manifest_name(release: Release) -> str:
    """Return the name a release's manifest is saved under."""
    return file_name(release).removesuffix(".zip.age") + ".manifest.json"


@dataclass(frozen=True)
class Stored:
    """A file of the ``releases`` bucket as it goes out: its key, size in bytes, digest, name."""

    key: str
    size: int
    sha256: bytes
    name: str

    @property
    def etag(self) -> str:
        """The strong validator."""
        return f'"{self.sha256.hex()}"'


def stored(release: Release) -> Stored:
    """Return a release's file."""
    return Stored(
        key=str(release.object_key),
        size=release.file_bytes or 0,
        sha256=release.file_sha256 or b"",
        name=file_name(release),
    )


def answer(
    stored: Stored,
    objects: ObjectStore,
    *,
    head: bool,
    ranged: str | None,
    if_range: str | None,
    left: Left,
    may: May,
) -> Response:
    """Return the file, or the part of it that was asked for; *left* hears what has left.

    It breaks off when *may*, asked now and then, says no (C-51).

    Raises `ObjectMissing`, `ObjectStoreUnavailable`.
    """
    size, etag = stored.size, stored.etag
    headers = Headers(
        {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{stored.name}"',
            "Accept-Ranges": "bytes",
            "ETag": etag,
        }
    )
    # HEAD knows no ranges (RFC 9110); a validator that differs asks for the whole.
    if head or (if_range is not None and if_range.strip() != etag):
        ranged = None
    try:
        span = wanted_span(ranged, size)
    except RangeUnsatisfiable:
        headers["Content-Range"] = f"bytes */{size}"
        del headers["Content-Disposition"]
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return Response("", status=416, headers=headers)
    headers["Content-Length"] = str(span.last - span.first + 1)
    if span.partial:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    status = 206 if span.partial else 200
    if head:
        return Response(status=status, headers=headers)
    part = objects.open_release(stored.key, span.first, span.last)
    return Response(
        Outgoing(part, left, may), status=status, headers=headers, direct_passthrough=True
    )


class Outgoing:
    """The chunks of a range on their way out; tells how far they came, once, at the end."""

    def __init__(self, part: ReleaseRange, left: Left, may: May) -> None:
        self._part = part
        self._left: Left | None = left
        self._may = may
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._at = part.first
        self._pending = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        # Being asked for more means that the chunk before has been taken.
        self._at += self._pending
        self._pending = 0
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            if not self._may():
                # Fewer bytes than were announced: the server cuts the connection.
                self._tell()
                raise StopIteration
        chunk = next(self._part.chunks, None)
        if chunk is None:
            self._tell()
            raise StopIteration
        self._pending = len(chunk)
        return chunk

    def close(self) -> None:
        """The server is done, or the reader went away: what was taken so far counts."""
        self._tell()
        self._part.close()

    def _tell(self) -> None:
        left, self._left = self._left, None
        if left is not None and self._at > self._part.first:
            left(self._part.first, self._at)
