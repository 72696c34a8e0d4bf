"""What of messages is past its last day; `uploads_worker.messages.expire` ends it."""

from __future__ import annotations

from heyan.notifications.models import Message
from uploads_worker.keeping.rules import overdue, rule
from uploads_worker.messages import BODY_DAYS

# An address that a person verified goes with the account, a code under way after a day.
RULES = (
    rule(
        "messages",
        "message.body",
        "messages reaches proofs",
        overdue(
            Message,
            lambda now: (Message.created_at <= now - BODY_DAYS) & Message.address.is_not(None),
        ),
    ),
)
