"""How many messages one number, one source and the whole site may cause (C-62, SECURITY 43).

Counted over the messages themselves, under a lock of the number in the caller's transaction: what
was rolled back was never counted, and thirty processes at once count as one. Windows slide.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.notifications.models import Message, MessageChannel, MessageState
from heyan.settings_limits import MessageLimits

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")


class BudgetSpent(Exception):
    """No more messages to this number or from this source for now; ``seconds`` until one may."""

    def __init__(self, seconds: int) -> None:
        super().__init__("the budget of messages is spent")
        self.seconds = seconds


class BreakerOpen(BudgetSpent):
    """The whole site sent as many as an hour allows: something is wrong, or someone attacks."""


def _lock(session: Session, digest: bytes) -> None:
    session.execute(_LOCK, {"key": int.from_bytes(digest[:8], "big", signed=True)})


def _number_rates(limits: MessageLimits) -> tuple[tuple[timedelta, int], ...]:
    return (
        (MINUTE, limits.message_number_per_minute),
        (HOUR, limits.message_number_per_hour),
        (DAY, limits.message_number_per_day),
    )


def spend(
    session: Session,
    limits: MessageLimits,
    *,
    channel: MessageChannel,
    number: bytes,
    source: bytes | None,
) -> None:
    """Hold the places of *number* and *source* until the caller's message is there.

    The number's lock is taken before the source's, always. Raises `BudgetSpent`.
    """
    now = clock.now()
    _lock(session, number)
    counted = func.coalesce(Message.claimed_at, Message.created_at)
    mine = (
        (Message.channel == channel)
        & (Message.address_index == number)
        & (Message.state != MessageState.UNSENT)
    )
    if channel is MessageChannel.EMAIL:
        # An inbox bears notices; what somebody can have sent to it is counted.
        mine &= Message.source_index.is_not(None)
    for window, most in _number_rates(limits):
        _within(session, mine, counted, now, window, most)
    if source is not None:
        _lock(session, source)
        theirs = Message.source_index == source
        _within(session, theirs, Message.created_at, now, HOUR, limits.message_source_per_hour)
    if channel is MessageChannel.SMS and breaker_open(session, limits):
        raise BreakerOpen(int(HOUR.total_seconds()))


def _within(
    session: Session, which: object, at: object, now: datetime, window: timedelta, most: int
) -> None:
    """Raise `BudgetSpent` when *most* of *which* lie within *window*."""
    oldest = session.scalars(
        select(at)  # type: ignore[call-overload]  # a column or coalesce of one
        .select_from(Message)
        .where(which, at > now - window)  # type: ignore[operator]
        .order_by(at.desc())  # type: ignore[attr-defined]
        .offset(most - 1)
        .limit(1)
    ).first()
    if oldest is not None:
        raise BudgetSpent(max(1, round((oldest + window - now).total_seconds())))


def due(session: Session, limits: MessageLimits, message: Message) -> datetime | None:
    """Return when an SMS may go out, or None for now; the worker's last look, whatever the route.

    Takes the number's lock, so that what is claimed in this transaction counts for the next.
    """
    if message.channel is not MessageChannel.SMS or message.address_index is None:
        return None
    now = clock.now()
    _lock(session, message.address_index)
    mine = (
        (Message.channel == MessageChannel.SMS)
        & (Message.address_index == message.address_index)
        & (Message.id != message.id)
    )
    try:
        for window, most in _number_rates(limits):
            _within(session, mine, Message.claimed_at, now, window, most)
        if breaker_open(session, limits):
            raise BreakerOpen(300)
    except BudgetSpent as spent:
        return now + timedelta(seconds=spent.seconds)
    return None


def breaker_open(session: Session, limits: MessageLimits) -> bool:
    """Tell whether the hour's SMS are used up for the whole site."""
    sent = session.scalar(
        select(func.count())
        .select_from(Message)
        .where(Message.channel == MessageChannel.SMS, Message.claimed_at > clock.now() - HOUR)
    )
    return (sent or 0) >= limits.message_sms_per_hour
