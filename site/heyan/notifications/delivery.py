"""What became of messages, as staff read it: states and masked addresses, never what was said."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.notifications import budget, outbox
from heyan.notifications.models import (
    Message,
    MessageChannel,
    MessageDelivery,
    MessageState,
)
from heyan.settings import Settings

PAGE = 50
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One message: when, by what, what kind, to whom (masked), how it stands."""

    id: uuid.UUID
    created_at: datetime
    channel: MessageChannel
    kind: str
    masked: str
    state: MessageState
    reason: str | None
    attempts: int
    next_at: datetime
    ended_at: datetime | None
    delivery: MessageDelivery | None
    delivery_reason: str | None
    delivery_at: datetime | None


def page(
    session: Session,
    state: MessageState | None,
    after: uuid.UUID | None,
    *,
    undelivered: bool = False,
) -> Sequence[Line]:
    """Return a page of messages and one more, the newest first.

    *undelivered* are those that the provider took and the network did not bring.
    """
    query = select(
        Message.id,
        Message.created_at,
        Message.channel,
        Message.kind,
        Message.address,
        Message.state,
        Message.reason,
        Message.attempts,
        Message.next_at,
        Message.ended_at,
        Message.delivery,
        Message.delivery_reason,
        Message.delivery_at,
    ).order_by(Message.id.desc())
    if undelivered:
        query = query.where(Message.delivery == MessageDelivery.FAILED)
    if state is not None:
        query = query.where(Message.state == state)
    if after is not None:
        query = query.where(Message.id < after)
    return [
        Line(
            id=row.id,
            created_at=row.created_at,
            channel=row.channel,
            kind=row.kind,
            masked=outbox.mask(row.channel, row.address),
            state=row.state,
            reason=row.reason,
            attempts=row.attempts,
            next_at=row.next_at,
            ended_at=row.ended_at,
            delivery=row.delivery,
            delivery_reason=row.delivery_reason,
            delivery_at=row.delivery_at,
        )
        for row in session.execute(query.limit(PAGE + 1))
    ]


def parked(session: Session) -> int:
    """Return how many messages of the last day could not be sent."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .where(Message.state == MessageState.FAILED, Message.created_at > clock.now() - DAY)
        )
        or 0
    )


def breaker(session: Session, settings: Settings) -> bool:
    """Tell whether SMS stand still because the site sent as many as an hour allows."""
    return "sms" in settings.channels and budget.breaker_open(session, settings)
