"""Asking the SMS provider what became of what it took: arrived, or not and why.

"Sent" only says that the provider took a message. Their report is pulled, signed as sending is:
so nothing listens for it, and nobody but the provider can say that something arrived.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

import structlog
from sqlalchemy import select, update

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications.models import Message, MessageChannel, MessageDelivery
from uploads_worker.channels import Aliyun, Later, Never, Reported
from uploads_worker.context import Context

log = structlog.get_logger("worker")

# After sending, then between asks; the last repeats.
WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 720))
# A network's word comes within three days or not at all.
LONGEST = timedelta(days=3)
PAGE = 200


def ask_due(context: Context) -> int:
    """Ask after each message whose turn it is; return how many came to an end."""
    if MessageChannel.SMS.value not in context.settings.channels:
        return 0
    with context.sessions() as session:
        due = session.scalars(
            select(Message.id)
            .where(
                Message.delivery == MessageDelivery.AWAITED,
                Message.delivery_next_at <= clock.now(),
            )
            .order_by(Message.delivery_next_at)
            .limit(PAGE)
        ).all()
    ended = 0
    for message_id in due:
        try:
            ended += _ask(context, message_id)
        except Later:
            # They are away or busy: the rest would meet the same, and their turn stays.
            break
    return ended


def _ask(context: Context, message_id: uuid.UUID) -> bool:
    with context.sessions() as session:
        row = session.execute(
            select(Message.address, Message.receipt, Message.claimed_at, Message.delivery_asks)
            .where(Message.id == message_id)
        ).one()  # fmt: skip
    found, over = None, True
    if row.address is not None and row.receipt and row.claimed_at is not None:
        over = row.claimed_at + LONGEST <= clock.now()
        try:
            found = Aliyun(context.settings).report(
                row.address, row.receipt, row.claimed_at, str(message_id)
            )
        except Never:
            log.warning("messages.report_refused", message_id=str(message_id))
    return _write(context, message_id, row.delivery_asks, found, over=over)


def _write(
    context: Context, message_id: uuid.UUID, asks: int, found: Reported | None, *, over: bool
) -> bool:
    now = clock.now()
    if found is None and not over:
        wait = WAITS[min(asks + 1, len(WAITS) - 1)]
        values: dict[str, object] = {"delivery_asks": asks + 1, "delivery_next_at": now + wait}
    else:
        end = MessageDelivery.UNKNOWN
        if found is not None:
            end = MessageDelivery.DELIVERED if found.arrived else MessageDelivery.FAILED
        values = {
            "delivery": end,
            "delivery_reason": found.code if found is not None else None,
            "delivery_at": now,
            "delivery_next_at": None,
        }
    with context.sessions() as session, transaction(session):
        changed = session.execute(
            update(Message)
            .where(Message.id == message_id, Message.delivery == MessageDelivery.AWAITED)
            .values(values)
            .returning(Message.id)
        ).first()
        if changed is not None and values.get("delivery") is MessageDelivery.FAILED:
            record(
                session, WORKER, "messages.undelivered", "message", message_id,
                outcome="failed", channel="sms", reason=str(values["delivery_reason"]),
            )  # fmt: skip
    return changed is not None and "delivery" in values
