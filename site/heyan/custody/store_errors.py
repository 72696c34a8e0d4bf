"""What can go wrong with the object store, in our own few words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ObjectStoreError(Exception):
    """The base of all of these."""


class ObjectStoreUnavailable(ObjectStoreError):
    """It did not answer, or not in time, or answered with an error of its own: try again."""


class ObjectStoreForbidden(ObjectStoreError):
    """These credentials may not do that."""


class ObjectStoreKeysRefused(ObjectStoreForbidden):
    """It does not take these credentials at all: wrong, expired, or the clock is off."""


class ObjectStoreTooOpen(ObjectStoreForbidden):
    """These credentials may do what they must not: the worker's, most likely, given to the web."""


class ObjectExists(ObjectStoreError):
    """An object with this key is there already; nothing was written."""


class ObjectMissing(ObjectStoreError):
    """There is no such object (or version)."""


class ObjectCorrupt(ObjectStoreError):
    """What is stored is not what was sent, or not what the row says."""


class ObjectNotDestroyed(ObjectStoreError):
    """Versions of the object are still there after deleting them."""


# How stores say that it is the credentials they refuse, and not what is asked with them.
KEYS_REFUSED = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
        "SecurityTokenExpired",
        "InvalidSecurityToken",
    }
)


def check_tag(tag: str | None, md5: str) -> None:
    """Compare the digest a store answers with; raises `ObjectCorrupt`.

    Stores that encrypt by themselves answer with something else than an MD5; that says nothing.
    """
    plain = (tag or "").strip('"').lower()
    if len(plain) == 32 and plain != md5:
        raise ObjectCorrupt("the store holds other bytes than were sent")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the SDK's errors into ours."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _own_error(error.response) from error
    except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
        raise ObjectStoreUnavailable(type(error).__name__) from error


def _own_error(response: Any) -> Exception:
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", ""))
    if code == "NoSuchBucket":
        # A wrong setting, or a store that is not all there yet; nothing is known to be gone.
        return ObjectStoreUnavailable(code)
    if code in KEYS_REFUSED:
        return ObjectStoreKeysRefused(code)
    if status == 404 or code in ("NoSuchKey", "NoSuchVersion"):
        return ObjectMissing(code)
    if status == 412 or code == "PreconditionFailed":
        return ObjectExists(code)
    if status == 416:
        return ValueError("the range begins beyond the end")
    if code in ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"):
        return ObjectCorrupt(code)
    if status in (401, 403):
        return ObjectStoreForbidden(code)
    return ObjectStoreUnavailable(f"{status} {code}")
