"""Sent is not arrived: the provider's own reports, asked for with a signature (S-099, C-72)."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.access import Role
from heyan.clock import SHANGHAI
from heyan.clock import now as present
from heyan.notifications.models import Message, MessageDelivery, MessageState
from heyan.settings import Settings
from tests.accounts import let_in
from tests.notifications import SmsService
from tests.unit.notifications.test_sending import number, queue, state, with_settings
from uploads_worker import delivery_reports, messages
from uploads_worker.context import Context

D = MessageDelivery


def delivery(worker: Context, message_id: uuid.UUID) -> tuple[MessageDelivery | None, str | None]:
    with worker.sessions() as session:
        row = session.get_one(Message, message_id)
        assert row.state is MessageState.SENT
        return row.delivery, row.delivery_reason


def sent(engine: Engine, settings: Settings, worker: Context) -> uuid.UUID:
    message_id = queue(engine, settings, phone=number()[1])
    messages.send_message(worker, str(message_id))
    return message_id


def test_a_message_is_delivered_only_once_the_provider_says_so(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any
) -> None:
    """S-099: sent, awaited, delivered; asked by its receipt, its number and China's day."""
    phone = number()[1]
    message_id = queue(web_engine, settings, phone=phone)
    messages.send_message(worker, str(message_id))

    def asked() -> list[dict[str, str]]:
        mine = phone.removeprefix("+86")
        return [each for each in sms.asked if each["PhoneNumber"] == mine]

    assert delivery(worker, message_id) == (D.AWAITED, None)
    delivery_reports.ask_due(worker)
    assert asked() == []
    day = f"{present().astimezone(SHANGHAI):%Y%m%d}"
    clock.move(timedelta(seconds=61))
    delivery_reports.ask_due(worker)
    assert delivery(worker, message_id) == (D.AWAITED, None)
    sms.reports[str(message_id)] = (3, "DELIVERED")
    clock.move(timedelta(minutes=6))
    assert delivery_reports.ask_due(worker) == 1
    assert delivery(worker, message_id) == (D.DELIVERED, None)
    assert {each["BizId"] for each in asked()} == {"biz-1"}
    assert {each["SendDate"] for each in asked()} == {day}
    assert sms.refused == []
    asks = len(asked())
    clock.move(timedelta(hours=13))
    delivery_reports.ask_due(worker)
    assert len(asked()) == asks


def test_what_did_not_arrive_says_why_to_staff_and_in_the_trail(
    site: Any,
    settings: Settings,
    web_engine: Engine,
    worker: Context,
    sms: SmsService,
    clock: Any,
) -> None:
    """S-099: the network's own code; nothing of the number or the words."""
    message_id = sent(web_engine, settings, worker)
    sms.reports[str(message_id)] = (2, "MOBILE_NOT_ON_SERVICE<b>13900000000</b>" + "x" * 80)
    clock.move(timedelta(minutes=2))
    delivery_reports.ask_due(worker)
    found, reason = delivery(worker, message_id)
    assert found is D.FAILED
    assert reason is not None
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", reason)
    assert reason.startswith("MOBILE_NOT_ON_SERVICE")
    assert "13900000000" not in reason
    with Session(web_engine) as session:
        clerk = let_in(site, session, roles=(Role.ADMINISTRATOR,))
    page = clerk.browser.get("/staff/messages?state=undelivered").text
    assert "没有送达" in page
    assert reason in page


def test_without_a_word_within_three_days_the_asking_ends(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any
) -> None:
    """Their reports come within 72 hours; what nobody knows is said to be unknown."""
    message_id = sent(web_engine, settings, worker)
    for _each in range(12):
        clock.move(timedelta(hours=7))
        delivery_reports.ask_due(worker)
    assert delivery(worker, message_id) == (D.UNKNOWN, None)
    assert len(sms.asked) < 14


def test_a_forged_or_refused_answer_delivers_nothing(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any
) -> None:
    """C-72: a wrong key, another message's report, a busy provider."""
    message_id = sent(web_engine, settings, worker)
    sms.reports[str(message_id)] = (3, "DELIVERED")
    clock.move(timedelta(minutes=2))
    delivery_reports.ask_due(with_settings(worker, sms_secret_key="another"))
    assert sms.refused == ["wrong signature"]
    assert delivery(worker, message_id) == (D.AWAITED, None)
    sms.taken[0]["OutId"] = str(uuid.uuid4())
    sms.reports[sms.taken[0]["OutId"]] = (3, "DELIVERED")
    delivery_reports.ask_due(worker)
    assert delivery(worker, message_id) == (D.AWAITED, None)


def test_an_e_mail_is_sent_and_nobody_asks_after_it(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any, mail: Any
) -> None:
    """A mail server gives no report: the state stays what is known."""
    message_id = queue(web_engine, settings, email=f"d{uuid.uuid4().hex[:8]}@example.cn")
    messages.send_message(worker, str(message_id))
    assert state(worker, message_id)[0] is MessageState.SENT
    assert delivery(worker, message_id) == (None, None)
    clock.move(timedelta(minutes=2))
    delivery_reports.ask_due(worker)
    assert sms.asked == []
    assert len(mail.taken) == 1
