"""What of messages is past its last day; `uploads_worker.messages.expire` ends it."""

from __future__ import annotations

from heyan.notifications.models import Message
from uploads_worker.keeping.rules import ended, rule

# An address that a person verified goes with the account, a code under way after a day.
RULES = (
    rule(
        "messages",
        "message.body",
        "messages reaches proofs",
        ended(
            Message,
            "message.body",
            Message.created_at,
            Message.created_at,
            lambda: Message.address.is_not(None),
        ),
    ),
)
