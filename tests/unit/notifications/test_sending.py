"""Sending: budgets, retries, parking, crashes, TLS (C-59, C-62, C-72; SECURITY 43)."""

from __future__ import annotations

import dataclasses
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.access import Role
from heyan.notifications import outbox
from heyan.notifications.models import Message, MessageState
from heyan.notifications.outbox import BudgetSpent
from heyan.settings import Settings
from tests.accounts import let_in, some_phone
from tests.notifications import Certificates, MailBox, SmsService, certificates
from uploads_worker import messages
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings


def number() -> tuple[str, str]:
    phone = some_phone()
    return phone, f"+86{phone}"


def address() -> str:
    return f"s{uuid.uuid4().hex[:10]}@example.cn"


def queue(engine: Engine, settings: Settings, **what: Any) -> uuid.UUID:
    with Session(engine) as session:
        (message_id,) = outbox.send(session, settings, **{"kind": "account_new_device", **what})
        session.commit()
    return message_id


def state(context: Context, message_id: uuid.UUID) -> tuple[MessageState, str | None, int]:
    with context.sessions() as session:
        row = session.get_one(Message, message_id)
        return row.state, row.reason, row.attempts


def with_settings(context: Context, **changes: Any) -> Context:
    return dataclasses.replace(context, settings=dataclasses.replace(context.settings, **changes))


def test_a_number_gets_one_code_a_minute_under_thirty_requests_at_once(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService
) -> None:
    """C-62, SECURITY 43: the count holds over connections, so over processes."""
    phone, e164 = number()

    def ask(turn: int) -> bool:
        with Session(web_engine) as session:
            try:
                outbox.send_code(
                    session,
                    dataclasses.replace(settings, message_sms_per_hour=100_000),
                    kind="verify_phone",
                    code="123456",
                    source=f"10.9.{turn}.1",
                    phone=e164,
                )
            except BudgetSpent:
                return False
            session.commit()
            return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(30))) == 1
    messages.send_due(worker)
    assert len(sms.to(phone)) == 1


def test_no_route_gives_a_number_more_than_its_day(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any
) -> None:
    """C-62: notices and codes count together; ten in a day, five in an hour."""
    phone, e164 = number()
    for _each in range(40):
        queue(web_engine, settings, phone=e164)
    for _hour in range(23):
        for _minute in range(8):
            messages.send_due(worker)
            clock.move(timedelta(minutes=61 / 8))
        if _hour == 0:
            assert len(sms.to(phone)) == 5
    assert len(sms.to(phone)) == 10


def test_one_source_asks_for_twenty_codes_an_hour(settings: Settings, web_engine: Engine) -> None:
    """C-62: whatever the numbers."""
    source, done = f"10.{uuid.uuid4()}", 0
    with pytest.raises(BudgetSpent):
        for _each in range(25):
            with Session(web_engine) as session:
                outbox.send_code(
                    session,
                    dataclasses.replace(settings, message_sms_per_hour=100_000),
                    kind="verify_phone",
                    code="123456",
                    source=source,
                    phone=number()[1],
                )
                session.commit()
                done += 1
    assert done == 20


def test_the_breaker_stops_sms_of_the_whole_site(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService
) -> None:
    """SECURITY 43: a global limit, and those who wait are not lost."""
    message_id = queue(web_engine, settings, phone=number()[1])
    messages.send_message(with_settings(worker, message_sms_per_hour=0), str(message_id))
    assert state(worker, message_id)[:2] == (MessageState.QUEUED, "budget")
    assert sms.taken == []


def test_what_is_refused_for_now_is_tried_again_and_then_parked(
    settings: Settings, web_engine: Engine, worker: Context, mail: MailBox, clock: Any
) -> None:
    """Retries with backoff; temporary errors pass, and the last try parks."""
    to = address()
    message_id = queue(web_engine, settings, email=to)
    mail.answers = ["451 busy"]
    messages.send_message(worker, str(message_id))
    assert state(worker, message_id) == (MessageState.QUEUED, "refused", 1)
    messages.send_message(worker, str(message_id))
    assert mail.to(to) == []
    clock.move(timedelta(seconds=31))
    messages.send_due(worker)
    assert state(worker, message_id)[0] is MessageState.SENT
    assert len(mail.to(to)) == 1

    away = queue(web_engine, settings, email=address())
    nowhere = with_settings(worker, smtp_port=9)
    for _each in range(worker.settings.message_tries):
        messages.send_message(nowhere, str(away))
        clock.move(timedelta(hours=5))
    assert state(worker, away) == (MessageState.FAILED, "server_away", 6)


def test_what_is_refused_for_good_is_parked_at_once(
    settings: Settings, web_engine: Engine, worker: Context, mail: MailBox, sms: SmsService
) -> None:
    """A permanent answer is not asked for twice, in either channel."""
    mail.answers = ["550 no such person"]
    message_id = queue(web_engine, settings, email=address())
    messages.send_message(worker, str(message_id))
    assert state(worker, message_id) == (MessageState.FAILED, "refused", 1)
    sms.answers = ["isv.MOBILE_NUMBER_ILLEGAL"]
    message_id = queue(web_engine, settings, phone=number()[1])
    messages.send_message(worker, str(message_id))
    assert state(worker, message_id) == (MessageState.FAILED, "provider_refused", 1)


def test_the_sms_service_gets_a_right_signature_and_approved_templates_alone(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService
) -> None:
    """C-72: signed with ACS3-HMAC-SHA256; a notice carries no words of ours."""
    phone, e164 = number()
    message_id = queue(web_engine, settings, phone=e164)
    messages.send_message(worker, str(message_id))
    (taken,) = sms.to(phone)
    assert sms.refused == []
    assert taken["TemplateCode"] == "SMS_2"
    assert taken["OutId"] == str(message_id)
    assert "TemplateParam" not in taken
    wrong = with_settings(worker, sms_secret_key="another")
    message_id = queue(web_engine, settings, phone=number()[1])
    messages.send_message(wrong, str(message_id))
    assert state(worker, message_id)[:2] == (MessageState.QUEUED, "provider_busy")
    assert sms.refused == ["wrong signature"]


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    settings: Settings,
    web_engine: Engine,
    worker: Context,
    mail: MailBox,
    sms: SmsService,
    tmp_path: Path,
) -> None:
    """C-72: SMTP and SMS are verified, always."""
    other = with_settings(worker, message_ca=certificates(tmp_path).ca)
    for where in ({"email": address()}, {"phone": number()[1]}):
        message_id = queue(web_engine, settings, **where)
        messages.send_message(other, str(message_id))
        assert state(worker, message_id)[0] is MessageState.QUEUED
    assert (mail.taken, sms.taken) == ([], [])


def test_starttls_is_verified_and_never_done_without(
    settings: Settings,
    web_engine: Engine,
    worker: Context,
    authority: Certificates,
    tmp_path: Path,
    clock: Any,
) -> None:
    """C-72: by STARTTLS, a CA of another's is refused and said so, and the message waits."""
    box = MailBox(authority, security="starttls").start()
    bare = MailBox(authority, security="plain").start()
    try:
        there = with_settings(worker, smtp_port=box.port, smtp_security="starttls")
        other = with_settings(there, message_ca=certificates(tmp_path).ca)
        to = address()
        message_id = queue(web_engine, settings, email=to)
        messages.send_message(other, str(message_id))
        assert state(worker, message_id) == (MessageState.QUEUED, "tls_unverified", 1)
        assert (box.taken, box.raw) == ([], [])
        # A server, or somebody on the way, that takes STARTTLS out of the offer.
        clock.move(timedelta(seconds=31))
        stripped = with_settings(there, smtp_port=bare.port)
        messages.send_message(stripped, str(message_id))
        assert state(worker, message_id) == (MessageState.QUEUED, "no_tls", 2)
        assert bare.taken == []
        clock.move(timedelta(minutes=3))
        messages.send_message(there, str(message_id))
        assert state(worker, message_id)[0] is MessageState.SENT
        assert len(box.to(to)) == 1
    finally:
        box.stop()
        bare.stop()


def test_staff_read_plainly_that_a_certificate_was_not_verified(
    site: Flask,
    settings: Settings,
    web_engine: Engine,
    worker: Context,
    sms: SmsService,
    tmp_path: Path,
) -> None:
    """C-72: the reason stands beside the message, for e-mail and SMS alike."""
    other = with_settings(worker, message_ca=certificates(tmp_path).ca)
    message_id = queue(web_engine, settings, phone=number()[1])
    messages.send_message(other, str(message_id))
    assert state(worker, message_id)[:2] == (MessageState.QUEUED, "tls_unverified")
    assert sms.taken == []
    with Session(web_engine) as session:
        clerk = let_in(site, session, roles=(Role.ADMINISTRATOR,))
    assert "证书没有通过核对" in clerk.browser.get("/staff/messages?state=queued").text


def test_a_worker_that_dies_while_sending_causes_one_double_at_most(
    settings: Settings, web_engine: Engine, worker: Context, sms: SmsService, clock: Any
) -> None:
    """At least once, and never a third time."""
    phone, e164 = number()
    message_id = queue(web_engine, settings, phone=e164)

    class Dying:
        def send(self, _envelope: object) -> str:
            sms.taken.append({"PhoneNumbers": phone})
            raise KeyboardInterrupt

    original = messages.channel_of
    for _death in range(2):
        messages.channel_of = lambda _context, _channel: Dying()  # type: ignore[assignment]
        try:
            with pytest.raises(KeyboardInterrupt):
                messages.send_message(worker, str(message_id))
        finally:
            messages.channel_of = original
        clock.move(timedelta(minutes=11))
        messages._take_up_lost(worker)
    assert len(sms.to(phone)) == 2
    assert state(worker, message_id)[:2] == (MessageState.FAILED, "unknown")


def test_a_channel_that_is_off_says_so(
    settings: Settings, web_engine: Engine, worker: Context, mail: MailBox
) -> None:
    """No provider: not sent, and that is what staff read."""
    message_id = queue(web_engine, settings, email=address())
    messages.send_message(with_settings(worker, channels=()), str(message_id))
    assert state(worker, message_id)[:2] == (MessageState.UNSENT, "no_provider")
    assert mail.taken == []


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_whatever_a_title_holds_a_subject_stays_one_header(
    settings: Settings, web_engine: Engine, worker: Context, mail: MailBox, locale: str
) -> None:
    """C-59, SECURITY 37: naughty names in subject and text."""
    to = address()
    title = "欧阳·\r\nBcc: other@example.cn\r\n\r\n<script>\u202egnp\u2028🎓" + "长" * 300
    message_id = queue(
        web_engine,
        settings,
        email=to,
        kind="incident",
        title=title,
        text="a\r\n.\r\nb",
        locale=locale,
    )
    messages.send_message(worker, str(message_id))
    assert state(worker, message_id)[0] is MessageState.SENT
    (message,) = mail.to(to)
    assert message["Bcc"] is None
    assert message["To"] == to
    assert "欧阳·" in message["Subject"]
    assert "\u202e" not in message["Subject"]
    assert "a\r\n.\r\nb" in message.get_content()
    assert "400-000-0000" in message.get_content()


def test_settings_of_a_channel_that_is_on_must_be_complete(
    worker_settings: WorkerSettings, stack: Any
) -> None:
    """C-72: nothing goes out in the clear, and a channel half set up stops the start."""
    from heyan.settings import SettingsError

    environment = {**stack.variables.worker(), "MESSAGE_CHANNELS": "email,sms"}
    with pytest.raises(SettingsError, match="SMTP_HOST"):
        WorkerSettings.from_env(environment)
    environment = {**stack.variables.worker(), "SMS_ENDPOINT": "http://127.0.0.1"}
    with pytest.raises(SettingsError, match="SMS_ENDPOINT"):
        WorkerSettings.from_env(environment)
    environment = {**stack.variables.worker(), "SMTP_SECURITY": "none"}
    with pytest.raises(SettingsError, match="SMTP_SECURITY"):
        WorkerSettings.from_env(environment)
    assert worker_settings.channels == ()
