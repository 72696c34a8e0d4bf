"""The outbox: a message is a row of the caller's transaction, and a job that knows only its id.

What a message says is put together by the worker from ``kind`` and ``params``, so a row holds an
address, ids, and for codes and links the code or link; both are gone after 30 days, and a code or
link as soon as it is sent.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock, jobs
from heyan.classification import mask_phone
from heyan.db import blind_index, uuid7
from heyan.notifications import budget, kinds
from heyan.notifications.budget import BreakerOpen, BudgetSpent
from heyan.notifications.models import Message, MessageChannel, MessageState, Reach
from heyan.settings_limits import MessageLimits

__all__ = [
    "BreakerOpen",
    "BudgetSpent",
    "address_index",
    "mask",
    "queue_notices",
    "send",
    "send_code",
]

# An account and what its notice names.
Told = tuple[uuid.UUID, Mapping[str, object]]
# Accounts in one statement.
BATCH = 5000


def address_index(channel: MessageChannel, address: str) -> bytes:
    """Return the blind index of an e-mail address or number, for look-up and budgets."""
    return blind_index(address.casefold(), f"reaches.{channel.value}")


def mask(channel: MessageChannel, address: str | None) -> str:
    """Return an address for lists; empty when it is gone."""
    if not address:
        return ""
    if channel is MessageChannel.SMS:
        return mask_phone(address)
    local, _at, host = address.rpartition("@")
    return f"{local[:1]}＊＊＊@{host[:1]}＊＊＊.{host.rpartition('.')[2]}"


def send_code(
    session: Session,
    settings: MessageLimits,
    *,
    kind: str,
    code: str,
    source: str | None,
    phone: str | None = None,
    email: str | None = None,
    account_id: uuid.UUID | None = None,
    locale: str = "zh_CN",
    expires_at: datetime | None = None,
    **params: object,
) -> None:
    """Queue a code (or a link, as *code*) in the caller's transaction; raises `BudgetSpent`.

    *source* is where the request came from (`heyan.limits.source`), kept as a keyed digest.
    """
    channel, address = _where(phone, email)
    number = address_index(channel, address)
    origin = None if source is None else blind_index(source, "messages.source")
    budget.spend(session, settings, channel=channel, number=number, source=origin)
    _queue(
        session, channel, address, kind, locale, {"code": code, **params},
        account_id=account_id, source=origin, expires_at=expires_at,
    )  # fmt: skip


def send(
    session: Session,
    settings: MessageLimits,  # noqa: ARG001 - the contract's; budgets of these are the worker's
    *,
    kind: str,
    account_id: uuid.UUID | None = None,
    phone: str | None = None,
    email: str | None = None,
    locale: str = "zh_CN",
    **params: object,
) -> list[uuid.UUID]:
    """Queue a message to an address, or to every verified channel of an account; return its ids.

    ``title`` and ``text`` among *params* are sent as they are written. In the caller's transaction.
    """
    if phone or email:
        channel, address = _where(phone, email)
        return [_queue(session, channel, address, kind, locale, params, account_id=account_id)]
    if account_id is None:
        raise ValueError("a message needs an account or an address")
    return [
        _queue(
            session, reach.channel, reach.address, kind, reach.locale, params,
            account_id=account_id,
        )
        for reach in _reaches(session, account_id)
    ]  # fmt: skip


def queue_notices(session: Session, kind: str, told: Sequence[Told]) -> None:
    """Send notices of the site by the accounts' channels too, as their kind and choices say."""
    goes = kinds.of(kind)
    for at in range(0, len(told), BATCH):
        some = told[at : at + BATCH]
        wanted = select(Reach).where(
            Reach.account_id.in_({account_id for account_id, _params in some}),
            Reach.channel.in_(goes.channels),
        )
        if not goes.essential:
            wanted = wanted.where(Reach.wants_all)
        reaches: dict[uuid.UUID, list[Reach]] = {}
        for reach in session.scalars(wanted):
            reaches.setdefault(reach.account_id, []).append(reach)
        for account_id, params in some:
            for reach in reaches.get(account_id, ()):
                _queue(
                    session, reach.channel, reach.address, kind, reach.locale, params,
                    account_id=account_id,
                )  # fmt: skip


def _reaches(session: Session, account_id: uuid.UUID) -> list[Reach]:
    return list(session.scalars(select(Reach).where(Reach.account_id == account_id)))


def _where(phone: str | None, email: str | None) -> tuple[MessageChannel, str]:
    if bool(phone) == bool(email):
        raise ValueError("a message goes to a number or to an e-mail address")
    return (MessageChannel.SMS, str(phone)) if phone else (MessageChannel.EMAIL, str(email))


def _queue(
    session: Session,
    channel: MessageChannel,
    address: str,
    kind: str,
    locale: str,
    params: Mapping[str, object],
    *,
    account_id: uuid.UUID | None = None,
    source: bytes | None = None,
    expires_at: datetime | None = None,
) -> uuid.UUID:
    now, message_id = clock.now(), uuid7()
    session.add(
        Message(
            id=message_id,
            account_id=account_id,
            channel=channel,
            kind=kind,
            locale="en" if locale == "en" else "zh_CN",
            address=address,
            address_index=address_index(channel, address),
            params=json.dumps({key: str(value) for key, value in params.items()}),
            source_index=source,
            state=MessageState.QUEUED,
            created_at=now,
            next_at=now,
            expires_at=expires_at,
        )
    )
    session.flush()
    jobs.defer(session, jobs.Job.SEND_MESSAGE, message_id=message_id)
    return message_id
