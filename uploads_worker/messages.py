"""Sending what the outbox holds: claim, send, say how it ended.

A claim is committed before anything goes out, and the end after it; a process that dies between
the two may have sent. Such a message is sent once more and no further, so that nobody gets more
than one double. What cannot be put together or is refused for good is parked, and the rest go on.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications import budget
from heyan.notifications.letters import letter
from heyan.notifications.models import (
    Message,
    MessageChannel,
    MessageDelivery,
    MessageState,
    Proof,
)
from heyan.policies import promises
from uploads_worker import delivery_reports
from uploads_worker.channels import Aliyun, Channel, Envelope, Later, MailServer, Never
from uploads_worker.context import Context

log = structlog.get_logger("worker")

# Between tries; the last repeats.
WAITS = (30, 120, 600, 3600, 4 * 3600)
# A claim older than this belongs to a process that died.
CLAIM = timedelta(minutes=10)
# A notice that found no way out for this long is of no use any more.
LONGEST = timedelta(days=2)
STATE_DAYS = timedelta(days=365)
PAGE = 200


def channel_of(context: Context, channel: MessageChannel) -> Channel | None:
    """Return the way out that the settings name, or None where the channel is off."""
    settings = context.settings
    if channel.value not in settings.channels:
        return None
    return MailServer(settings) if channel is MessageChannel.EMAIL else Aliyun(settings)


def send_message(context: Context, message_id: str) -> None:
    """Send one message, unless it was sent, is being sent or may not be yet."""
    _send(context, uuid.UUID(message_id))


def send_due(context: Context) -> int:
    """Send what waits and is due, and take up what a dead process left; return how many."""
    _take_up_lost(context)
    with context.sessions() as session:
        ids = session.scalars(
            select(Message.id)
            .where(Message.state == MessageState.QUEUED, Message.next_at <= clock.now())
            # Codes and links, which are soon over, before notices of the same number.
            .order_by(Message.expires_at.is_(None), Message.next_at)
            .limit(PAGE)
        ).all()
    for message_id in ids:
        _send(context, message_id)
    return len(ids)


def _take_up_lost(context: Context) -> None:
    with context.sessions() as session, transaction(session):
        stuck = (Message.state == MessageState.SENDING) & (Message.claimed_at < clock.now() - CLAIM)
        given_up = session.execute(
            update(Message)
            .where(stuck, Message.lost >= 1)
            .values(state=MessageState.FAILED, reason="unknown", ended_at=clock.now(), params=None)
            .returning(Message.id, Message.channel)
        ).all()
        for message_id, channel in given_up:
            record(
                session, WORKER, "messages.park", "message", message_id,
                outcome="failed", channel=channel.value, reason="unknown",
            )  # fmt: skip
        session.execute(
            update(Message)
            .where(stuck)
            .values(state=MessageState.QUEUED, lost=Message.lost + 1, next_at=clock.now())
        )


@dataclass(frozen=True)
class _Claimed:
    message_id: uuid.UUID
    attempt_id: uuid.UUID
    channel: MessageChannel
    envelope: Envelope | None
    attempts: int
    created_at: datetime


def _send(context: Context, message_id: uuid.UUID) -> None:
    claimed = _claim(context, message_id)
    if claimed is None:
        return
    way = channel_of(context, claimed.channel)
    if claimed.envelope is None or way is None:
        _end(context, claimed, MessageState.FAILED, "not_composed")
        return
    try:
        receipt = way.send(claimed.envelope)
    except Later as later:
        _again(context, claimed, str(later))
    except Never as never:
        _end(context, claimed, MessageState.FAILED, str(never))
    except Exception as error:  # noqa: BLE001 - one that cannot be sent keeps no other waiting
        log.warning("messages.broken", message_id=str(message_id), error=type(error).__name__)
        _end(context, claimed, MessageState.FAILED, "broken")
    else:
        _end(context, claimed, MessageState.SENT, None, receipt)


def _claim(context: Context, message_id: uuid.UUID) -> _Claimed | None:
    """Take a message for this attempt, in a transaction of its own."""
    now = clock.now()
    with context.sessions() as session, transaction(session):
        message = session.scalars(
            select(Message)
            .where(
                Message.id == message_id,
                Message.state == MessageState.QUEUED,
                Message.next_at <= now,
            )
            .with_for_update(skip_locked=True)
        ).first()
        if message is None:
            return None
        if message.channel.value not in context.settings.channels:
            _unsent(message, "no_provider", now)
            return None
        if (message.expires_at and message.expires_at <= now) or message.created_at < now - LONGEST:
            _unsent(message, "too_late", now)
            return None
        if (wait := budget.due(session, context.settings, message)) is not None:
            message.next_at, message.reason = wait, "budget"
            if budget.breaker_open(session, context.settings):
                log.error("messages.breaker_open")
            return None
        message.state = MessageState.SENDING
        message.claimed_at, message.attempt_id = now, uuid.uuid4()
        message.attempts += 1
        return _Claimed(
            message.id, message.attempt_id, message.channel, _envelope(context, session, message),
            message.attempts, message.created_at,
        )  # fmt: skip


def _unsent(message: Message, reason: str, now: datetime) -> None:
    message.state, message.reason, message.ended_at = MessageState.UNSENT, reason, now
    message.params = None


def _envelope(context: Context, session: Session, message: Message) -> Envelope | None:
    """Return what goes out, or None when it cannot be put together."""
    try:
        params = json.loads(message.params or "{}")
        realm = session.scalar(select(Account.realm).where(Account.id == message.account_id))
        words = letter(
            context.settings,
            kind=message.kind,
            params=params,
            locale=message.locale,
            realm=realm or Realm.PUBLIC,
            short=message.channel is MessageChannel.SMS,
        )
    except Exception as error:  # noqa: BLE001 - parked, with its kind alone in the log
        log.warning("messages.not_composed", message_id=str(message.id), error=type(error).__name__)
        return None
    if not message.address:
        return None
    return Envelope(
        message.id, message.address, message.kind, words, params.get("code"), message.locale
    )


def _again(context: Context, claimed: _Claimed, reason: str) -> None:
    if claimed.attempts >= context.settings.message_tries:
        _end(context, claimed, MessageState.FAILED, reason)
        return
    wait = WAITS[min(claimed.attempts, len(WAITS)) - 1]
    with context.sessions() as session, transaction(session):
        session.execute(
            update(Message)
            .where(Message.attempt_id == claimed.attempt_id)
            .values(
                state=MessageState.QUEUED,
                reason=reason,
                next_at=clock.now() + timedelta(seconds=wait),
            )
        )


def _end(
    context: Context,
    claimed: _Claimed,
    state: MessageState,
    reason: str | None,
    receipt: str = "",
) -> None:
    """Write down how an attempt ended; what the message carried goes, its state stays."""
    values: dict[str, object] = {
        "state": state,
        "reason": reason,
        "receipt": receipt or None,
        "ended_at": clock.now(),
        "params": None,
    }
    if receipt:
        values["delivery"] = MessageDelivery.AWAITED
        values["delivery_next_at"] = clock.now() + delivery_reports.WAITS[0]
    with context.sessions() as session, transaction(session):
        session.execute(
            update(Message).where(Message.attempt_id == claimed.attempt_id).values(values)
        )
        if state is MessageState.FAILED:
            record(
                session, WORKER, "messages.park", "message", claimed.message_id,
                outcome="failed", channel=claimed.channel.value, reason=reason,
            )  # fmt: skip


def expire(context: Context) -> int:
    """Forget addresses after 30 days, states after 12 months, codes and links after a day."""
    now = clock.now()
    with context.sessions() as session, transaction(session):
        emptied = session.execute(
            update(Message)
            .where(
                Message.created_at <= promises.cutoff(session, "message.body", now),
                Message.address.is_not(None),
            )
            .values(address=None, address_index=None, params=None, source_index=None)
        )
        gone = session.query(Message).where(Message.created_at <= now - STATE_DAYS)
        proofs = session.query(Proof).where(Proof.created_at <= now - timedelta(days=1))
        count = int(emptied.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
        return count + gone.delete(False) + proofs.delete(False)
