"""Write a release to the object store as it is made: multipart, bounded memory, aborted on error.

At most ``threads`` + 1 parts exist in memory at any moment, however long the release is.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from heyan.custody.store_errors import ObjectCorrupt, ObjectStoreError, check_tag, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

MIN_PART = 8 * 1024 * 1024
MAX_PARTS = 10_000


class ReleaseWriter:
    """A binary stream into one object; ``with store.release_writer(key) as out: out.write(…)``.

    The object appears when the block ends without an error, and not at all otherwise. ``bytes``
    counts what was written. Raises `ObjectStoreUnavailable`, `ObjectCorrupt`.
    """

    def __init__(
        self, client: S3Client, bucket: str, key: str, *, part_bytes: int, threads: int = 3
    ) -> None:
        if part_bytes < MIN_PART:
            raise ValueError("parts of less than 8 MiB")
        self.bytes = 0
        self._client, self._bucket, self._key = client, bucket, key
        self._part_bytes = part_bytes
        self._buffer = bytearray()
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._free = threading.BoundedSemaphore(threads)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="release-part")
        self._upload = ""

    def __enter__(self) -> Self:
        with translated():
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType="application/octet-stream"
            )
        self._upload = answer["UploadId"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._complete()
        except BaseException:
            self._abort()
            raise
        finally:
            if kind is not None:
                self._abort()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take *data*; waits while all threads are busy. Raises what an earlier part met."""
        view = memoryview(data)
        length = len(view)
        self.bytes += length
        while view:
            room = self._part_bytes - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == self._part_bytes:
                self._send()
        return length

    def flush(self) -> None:
        """Do nothing: a part goes out when it is full (streams are expected to have this)."""

    def _send(self) -> None:
        for part in self._parts:
            if part.done():
                part.result()
        number = len(self._parts) + 1
        if number > MAX_PARTS:
            raise ObjectStoreError("the release has too many parts")
        data, self._buffer = self._buffer, bytearray()
        self._free.acquire()
        self._parts.append(self._pool.submit(self._put, number, data))

    def _put(self, number: int, data: bytearray) -> CompletedPartTypeDef:
        try:
            digest = hashlib.md5(data, usedforsecurity=False)
            with translated():
                answer = self._client.upload_part(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._upload,
                    PartNumber=number,
                    Body=data,  # type: ignore[arg-type] # the SDK takes a bytearray too
                    ContentMD5=base64.b64encode(digest.digest()).decode(),
                )
            check_tag(answer["ETag"], digest.hexdigest())
            return {"ETag": answer["ETag"], "PartNumber": number}
        finally:
            self._free.release()

    def _complete(self) -> None:
        if self._buffer or not self._parts:
            self._send()
        parts = [part.result() for part in self._parts]
        with translated():
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload,
                MultipartUpload={"Parts": parts},
            )
            # The answer to "complete" may be a lie or an error inside a 200: look.
            found = self._client.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"]
        if found != self.bytes:
            raise ObjectCorrupt("the stored release has another length")

    def _abort(self) -> None:
        for part in self._parts:
            part.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        try:
            with translated():
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._key, UploadId=self._upload
                )
        except ObjectStoreError:
            # The sweep (`ObjectStore.abort_unfinished`) takes what is left.
            return
