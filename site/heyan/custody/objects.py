"""The object store (any S3): sealed pictures go in, releases come out as streams.

Keys are random (`new_key`), never names. What the web may do here its credentials decide: create
in ``sealed``, get from ``releases``, nothing else (DESIGN 2). boto3 is imported at first use: it
costs half a second, and most commands never talk to S3.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from heyan.custody.multipart import ReleaseWriter
from heyan.custody.store_errors import (
    ObjectCorrupt,
    ObjectExists,
    ObjectMissing,
    ObjectNotDestroyed,
    ObjectStoreError,
    ObjectStoreForbidden,
    ObjectStoreKeysRefused,
    ObjectStoreTooOpen,
    ObjectStoreUnavailable,
    check_tag,
    translated,
)
from heyan.custody.stored import ReleaseRange, StoredObject, StoreSettings, chunks

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def new_key(prefix: str = "d") -> str:
    """Return a key that says nothing: a prefix and 160 random bits."""
    return f"{prefix}/{secrets.token_hex(20)}"


class ObjectStore:
    """The two buckets, with one set of credentials. May be shared by threads; opens lazily."""

    def __init__(
        self,
        endpoint_url: str,
        region: str,
        access_key: str,
        secret_key: str,
        sealed_bucket: str,
        releases_bucket: str,
        *,
        path_style: bool = True,
        checksums: str = "when_required",
        connect_timeout: float = 3,
        read_timeout: float = 20,
        attempts: int = 4,
        put_only: bool = False,
    ) -> None:
        self._put_only, self._narrow = put_only, False
        self.endpoint_url = endpoint_url
        self.region = region
        self.sealed_bucket = sealed_bucket
        self.releases_bucket = releases_bucket
        self._keys = (access_key, secret_key)
        self._options: dict[str, Any] = {
            "s3": {"addressing_style": "path" if path_style else "virtual"},
            # The SDK's newer default breaks OSS, COS and OBS; Content-MD5 is sent instead.
            "request_checksum_calculation": checksums,
            "response_checksum_validation": checksums,
            "connect_timeout": connect_timeout,
            "read_timeout": read_timeout,
            "retries": {"mode": "adaptive", "total_max_attempts": attempts},
            "max_pool_connections": 32,
            "signature_version": "s3v4",
            "proxies": {},
            "tcp_keepalive": True,
        }
        self._client: S3Client | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls,
        settings: StoreSettings,
        *,
        read_timeout: float = 20,
        attempts: int = 4,
        put_only: bool = False,
    ) -> ObjectStore:
        """Return the store that *settings* describes, with the credentials in them.

        *put_only*: nothing is sealed with credentials that can also read ``sealed``.
        """
        return cls(
            settings.s3_endpoint,
            settings.s3_region,
            settings.s3_access_key,
            settings.s3_secret_key,
            settings.s3_bucket_sealed,
            settings.s3_bucket_releases,
            path_style=settings.s3_path_style,
            checksums=settings.s3_checksums,
            read_timeout=read_timeout,
            attempts=attempts,
            put_only=put_only,
        )

    @classmethod
    def for_web(cls, settings: StoreSettings) -> ObjectStore:
        """Return the store for the web: its credentials may put into ``sealed``, and no more.

        Somebody waits for the answer, and their picture waits in memory: a store that takes the
        connection and then says nothing is given up within half a minute.
        """
        return cls.from_settings(settings, read_timeout=10, attempts=2, put_only=True)

    @property
    def client(self) -> S3Client:
        """The SDK's client, made at first use."""
        with self._lock:
            if self._client is None:
                import boto3
                from botocore.config import Config

                # A session of its own reads no profile: nothing but the settings counts.
                session = boto3.session.Session(
                    aws_access_key_id=self._keys[0],
                    aws_secret_access_key=self._keys[1],
                    region_name=self.region,
                )
                self._client = session.client(
                    "s3",
                    endpoint_url=self.endpoint_url,
                    config=Config(**self._options),
                )
            return self._client

    # Sealed objects.

    def put_sealed(self, key: str, ciphertext: bytes) -> str | None:
        """Create *key*; return its version, or None where the bucket keeps none.

        The store checks what it received by Content-MD5, and we check the digest it answers
        with: a store that lies about success is found out (SECURITY 50). Raises `ObjectExists`,
        `ObjectCorrupt`, `ObjectStoreUnavailable`, `ObjectStoreForbidden`.
        """
        self._check_narrow()
        digest = hashlib.md5(ciphertext, usedforsecurity=False)
        with translated():
            answer = self.client.put_object(
                Bucket=self.sealed_bucket,
                Key=key,
                Body=ciphertext,
                ContentMD5=base64.b64encode(digest.digest()).decode(),
                ContentType="application/octet-stream",
                IfNoneMatch="*",
            )
        check_tag(answer.get("ETag"), digest.hexdigest())
        return answer.get("VersionId")

    def get_sealed(
        self, key: str, version: str | None = None, *, sha256: bytes | None = None
    ) -> bytes:
        """Return the sealed bytes of *key*; with *sha256*, only if that is their digest.

        Raises `ObjectMissing`, `ObjectCorrupt`, `ObjectStoreUnavailable`.
        """
        which: dict[str, str] = {"VersionId": version} if version else {}
        with translated():
            answer = self.client.get_object(
                Bucket=self.sealed_bucket,
                Key=key,
                **which,  # type: ignore[arg-type] # only ever VersionId
            )
            found = answer["Body"].read()
        if len(found) != answer["ContentLength"]:
            raise ObjectCorrupt("fewer bytes came than were announced")
        if sha256 is not None and not secrets.compare_digest(
            hashlib.sha256(found).digest(), sha256
        ):
            raise ObjectCorrupt("the stored bytes are not those that were sealed")
        return found

    def destroy_sealed(self, key: str) -> int:
        """Delete every version of *key*, then prove that none is left; return how many there were.

        Zero when it was gone before: a job may run twice. Raises `ObjectNotDestroyed`.
        """
        return self._destroy(self.sealed_bucket, key)

    def list_sealed(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every stored version in ``sealed``, for sweeps (delete markers are left out)."""
        return self._versions(self.sealed_bucket, prefix)

    # Releases.

    def release_writer(self, key: str, *, part_bytes: int = 8 * 1024 * 1024) -> ReleaseWriter:
        """Return a writer that streams to *key*: a context manager, aborted on any error."""
        return ReleaseWriter(self.client, self.releases_bucket, key, part_bytes=part_bytes)

    def release_bytes(self, key: str) -> int:
        """Return how long a release is; raises `ObjectMissing`."""
        with translated():
            return self.client.head_object(Bucket=self.releases_bucket, Key=key)["ContentLength"]

    def open_release(self, key: str, first: int = 0, last: int | None = None) -> ReleaseRange:
        """Return bytes *first* to *last* (inclusive; to the end when None) of a release.

        *last* beyond the end is cut there. Raises `ObjectMissing`, `ObjectStoreUnavailable`, and
        ValueError when *first* is beyond the end.
        """
        asked = f"bytes={first}-{'' if last is None else last}"
        with translated():
            answer = self.client.get_object(Bucket=self.releases_bucket, Key=key, Range=asked)
        place = answer.get("ContentRange", "")
        body = answer["Body"]
        if place.startswith("bytes "):
            span, _, total = place.removeprefix("bytes ").partition("/")
            start, _, end = span.partition("-")
            found = (int(total), int(start), int(end))
        else:  # a store that ignores Range sends the whole
            total_bytes = answer["ContentLength"]
            found = (total_bytes, 0, total_bytes - 1)
        if found[1] != first:
            body.close()
            raise ObjectCorrupt("another range came than was asked for")
        return ReleaseRange(*found, chunks=chunks(body, found[2] - found[1] + 1), body=body)

    def destroy_release(self, key: str) -> int:
        """Delete a release for good, all versions of it (`destroy_sealed`)."""
        return self._destroy(self.releases_bucket, key)

    def list_releases(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every stored version in ``releases``."""
        return self._versions(self.releases_bucket, prefix)

    def abort_release(self, key: str) -> int:
        """Abort every unfinished upload of *key*; return how many there were."""
        found = 0
        with translated():
            pages = self.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.releases_bucket, Prefix=key):
                for upload in page.get("Uploads", []):
                    if upload["Key"] == key:
                        self.client.abort_multipart_upload(
                            Bucket=self.releases_bucket, Key=key, UploadId=upload["UploadId"]
                        )
                        found += 1
        return found

    def abort_unfinished(self, older_than: datetime) -> int:
        """Abort release uploads begun before *older_than* and left; return how many."""
        found = 0
        with translated():
            pages = self.client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self.releases_bucket):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] < older_than:
                        self.client.abort_multipart_upload(
                            Bucket=self.releases_bucket,
                            Key=upload["Key"],
                            UploadId=upload["UploadId"],
                        )
                        found += 1
        return found

    def check(self) -> None:
        """Ask whether the store answers and takes our credentials, for readiness.

        That it refuses the object counts as an answer. Raises `ObjectStoreUnavailable`,
        `ObjectStoreKeysRefused`, `ObjectStoreTooOpen`.
        """
        self._check_narrow()
        try:
            self._look(self.releases_bucket)
        except ObjectStoreKeysRefused:
            raise
        except (ObjectMissing, ObjectStoreForbidden):
            return

    def _check_narrow(self) -> None:
        """Make sure, once, that put-only credentials cannot read ``sealed`` (DESIGN 2, rule 1).

        With those of web and worker exchanged all would go on, and the web could open its bucket.
        """
        if not self._put_only or self._narrow:
            return
        try:
            self._look(self.sealed_bucket)
        except ObjectStoreKeysRefused:
            raise
        except ObjectStoreForbidden:
            self._narrow = True
            return
        except ObjectMissing:
            pass
        raise ObjectStoreTooOpen("these credentials read what is sealed")

    def _look(self, bucket: str) -> None:
        # Not HEAD: a refusal without a body does not say what it refuses.
        with translated():
            self.client.get_object(Bucket=bucket, Key="ready/none")["Body"].close()

    def _versions(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        with translated():
            pages = self.client.get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=bucket, Prefix=prefix):
                for one in page.get("Versions", []):
                    version = one.get("VersionId")
                    yield StoredObject(
                        one["Key"],
                        None if version in (None, "null") else version,
                        one["Size"],
                        one["LastModified"],
                    )

    def _all_versions(self, bucket: str, key: str) -> list[str]:
        found: list[str] = []
        pages = self.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=bucket, Prefix=key):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                if one["Key"] == key:
                    found.append(one.get("VersionId") or "null")
        return found

    def _destroy(self, bucket: str, key: str) -> int:
        with translated():
            versions = self._all_versions(bucket, key)
            for version in versions:
                self.client.delete_object(Bucket=bucket, Key=key, VersionId=version)
            left = self._all_versions(bucket, key)
        if left:
            raise ObjectNotDestroyed(f"{len(left)} versions are still there")
        # A list may lag behind; asking for the object itself may not find it either.
        try:
            with translated():
                self.client.head_object(Bucket=bucket, Key=key)
        except ObjectMissing:
            return len(versions)
        raise ObjectNotDestroyed("the object still answers")


__all__ = [
    "ObjectCorrupt",
    "ObjectExists",
    "ObjectMissing",
    "ObjectNotDestroyed",
    "ObjectStore",
    "ObjectStoreError",
    "ObjectStoreForbidden",
    "ObjectStoreKeysRefused",
    "ObjectStoreTooOpen",
    "ObjectStoreUnavailable",
    "ReleaseRange",
    "ReleaseWriter",
    "StoredObject",
    "new_key",
]
