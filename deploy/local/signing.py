"""Signature V4 for the few calls made before the site starts (bucket set-up), without an SDK.

Importing boto3 costs half a second that every start would pay.
"""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from datetime import UTC, datetime
from urllib.parse import urlsplit


def call(
    method: str,
    url: str,
    access_key: str,
    secret_key: str,
    *,
    body: bytes = b"",
    region: str = "local",
) -> tuple[int, bytes]:
    """Send one signed S3 request; return status and body. Status 0 means nobody answered.

    *url* may carry one query key without a value (``?versioning``).
    """
    parts = urlsplit(url)
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(headers)
    query = f"{parts.query}=" if parts.query else ""
    listed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request_text = "\n".join([method, parts.path, query, listed, names, digest])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    summed = hashlib.sha256(request_text.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, summed])
    key = f"AWS4{secret_key}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    request = urllib.request.Request(url, data=body or None, method=method)  # noqa: S310 - our own
    for name in ("x-amz-content-sha256", "x-amz-date"):
        request.add_header(name, headers[name])
    request.add_header(
        "Authorization",
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""
