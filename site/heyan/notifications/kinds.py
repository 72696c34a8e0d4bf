"""Which notices also leave the site, by what, and whether their reader may do without them."""

from __future__ import annotations

from dataclasses import dataclass

from heyan.notifications.models import MessageChannel

EMAIL, SMS = MessageChannel.EMAIL, MessageChannel.SMS


@dataclass(frozen=True)
class Goes:
    """``essential`` goes out whatever the person chose: safety, deadlines, rights."""

    channels: frozenset[MessageChannel]
    essential: bool


_BOTH = Goes(frozenset({EMAIL, SMS}), essential=True)
_LETTER = Goes(frozenset({EMAIL}), essential=True)
_OPTIONAL = Goes(frozenset({EMAIL}), essential=False)

_KINDS = {
    "document_returned": _BOTH,
    "documents_due": _BOTH,
    "registration_seated": _BOTH,
    "consent_due": _LETTER,
    "registration_verified": _LETTER,
    "registration_withdrawn": _LETTER,
    "document_destroyed": _LETTER,
    "account_recovery_codes": _LETTER,
    # The number just got a code; another SMS would only use up its minute.
    "account_phone_verified": _LETTER,
    "account_sms_factor_on": _LETTER,
    "release_held": _LETTER,
    "staff_alert": _BOTH,
    "finding_overdue": _LETTER,
    "registration_held": _BOTH,
    "registration_resumed": _BOTH,
    "safety_told": _LETTER,
    "policy_changed": _BOTH,
    "policy_due": _BOTH,
    "service_ending": _LETTER,
}


def of(kind: str) -> Goes:
    """Return how a kind goes out; what concerns an account's safety, by everything (C-39)."""
    if kind in _KINDS:
        return _KINDS[kind]
    return _BOTH if kind.startswith("account_") else _OPTIONAL
