"""The rules of requests about one's own data, and of copies (CONTROLS 5)."""

from __future__ import annotations

from datetime import timedelta

from heyan.rights.models import AccessCopy, RightsRequest
from uploads_worker.keeping.rules import ended, overdue, rule

# A copy is destroyed within the hour after its link ended.
_HOUR = timedelta(hours=1)

RULES = (
    rule(
        "rights_requests",
        # The proof of who asked goes when the request closes, in the same verb.
        "rights.request rights.proof",
        "rights_requests",
        ended(RightsRequest, "rights.request", RightsRequest.received_at, RightsRequest.closed_at),
    ),
    rule(
        "access_copies",
        "rights.copy",
        "access_copies",
        overdue(
            AccessCopy,
            lambda now: AccessCopy.destroyed_at.is_(None) & (AccessCopy.expires_at <= now - _HOUR),
        ),
    ),
)
