"""What other features may ask of grants and approvals; the verbs stand beside this file."""

from __future__ import annotations

from heyan.approvals.grants import NotGranted, granted, missing, require_grant
from heyan.approvals.requests import Confirmed, ask, confirmed, live

__all__ = [
    "Confirmed",
    "NotGranted",
    "ask",
    "confirmed",
    "granted",
    "live",
    "missing",
    "require_grant",
]
