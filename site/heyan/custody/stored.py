"""What the object store gives back, and the settings that it is opened with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from heyan.custody.store_errors import ObjectStoreUnavailable, translated

CHUNK = 256 * 1024


class StoreSettings(Protocol):
    """The settings that say where the store is; web and worker have the same names."""

    @property
    def s3_endpoint(self) -> str: ...
    @property
    def s3_region(self) -> str: ...
    @property
    def s3_path_style(self) -> bool: ...
    @property
    def s3_checksums(self) -> str: ...
    @property
    def s3_bucket_sealed(self) -> str: ...
    @property
    def s3_bucket_releases(self) -> str: ...
    @property
    def s3_access_key(self) -> str: ...
    @property
    def s3_secret_key(self) -> str: ...


@dataclass(frozen=True)
class StoredObject:
    """One stored version of an object. ``size`` in bytes; ``version`` None without versioning."""

    key: str
    version: str | None
    size: int
    modified: datetime


@dataclass(frozen=True)
class ReleaseRange:
    """Part of a release: bytes ``first`` to ``last`` (inclusive) of ``total``, as chunks.

    ``chunks`` raises `ObjectStoreUnavailable` when the store goes away in between. Call `close`
    when not all of it is read.
    """

    total: int
    first: int
    last: int
    chunks: Iterator[bytes]
    body: Any

    @property
    def length(self) -> int:
        """How many bytes the range holds."""
        return self.last - self.first + 1

    def close(self) -> None:
        """Give the connection back."""
        self.body.close()


def chunks(body: Any, length: int) -> Iterator[bytes]:
    """Yield the *length* bytes of *body*; raises `ObjectStoreUnavailable` when fewer come."""
    left = length
    try:
        with translated():
            while left and (piece := body.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
        if left:
            raise ObjectStoreUnavailable("the store closed the connection early")
    finally:
        body.close()
