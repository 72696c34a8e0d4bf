"""E-mail and number: verified, told of changes, used to come back (B4; C-32, C-39, C-59, C-62)."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan import clock as time
from heyan.jobs import Job
from heyan.notifications.models import Message
from heyan.notifications.service import notify
from tests.accounts import LONG, Browser, some_phone
from tests.notifications import MailBox, SmsService, counted, link_in
from tests.unit.notifications.conftest import Reachable
from uploads_worker import messages, resets
from uploads_worker.context import Context

NEW = "a longer and quite different pass"


def work(worker: Context, owner: Engine) -> None:
    """Do what the web left to do: resets that were asked for, then what is due."""
    with owner.begin() as connection:
        asked = connection.execute(
            text(
                "SELECT args->>'proof_id' AS id FROM procrastinate_jobs"
                " WHERE task_name = :name AND status = 'todo'"
            ),
            {"name": Job.BEGIN_RESET.value},
        ).all()
    for row in asked:
        resets.begin_reset(worker, row.id)
    messages.send_due(worker)


def stepped_up(somebody: Reachable, next_page: str = "/account/channels") -> None:
    done = somebody.browser.post("/account/step-up", password=LONG, next=next_page)
    assert done.status_code == 303


def with_email(somebody: Reachable, worker: Context, owner: Engine, mail: MailBox) -> str:
    """Verify an address through the front door; return it."""
    address = f"u{uuid.uuid4().hex[:10]}@example.cn"
    stepped_up(somebody)
    done = somebody.browser.post("/account/channels/email", page="/account/channels", email=address)
    assert done.status_code == 303, done.text
    work(worker, owner)
    (message,) = mail.to(address)
    assert somebody.browser.post(link_in(message)).status_code == 200
    work(worker, owner)
    return address


def with_phone(somebody: Reachable, worker: Context, owner: Engine, sms: SmsService) -> None:
    """Verify the number through the front door."""
    done = somebody.browser.post("/account/channels/phone", page="/account/channels")
    assert done.status_code == 303, done.text
    work(worker, owner)
    code = code_in(sms.to(somebody.phone)[-1])
    done = somebody.browser.post(
        "/account/channels/phone/code", page="/account/channels", code=code
    )
    assert done.status_code == 303, done.text


def code_in(query: dict[str, str]) -> str:
    found = re.search(r"\d{6}", query["TemplateParam"])
    assert found
    return found[0]


def test_an_address_counts_only_once_its_link_was_used_and_opening_it_uses_nothing(
    somebody: Reachable, worker: Context, owner_engine: Engine, mail: MailBox
) -> None:
    """C-36, S-067: 256 bit, one hour, single use; the page sends no referrer."""
    address = f"u{uuid.uuid4().hex[:10]}@example.cn"
    stepped_up(somebody)
    somebody.browser.post("/account/channels/email", page="/account/channels", email=address)
    work(worker, owner_engine)
    (message,) = mail.to(address)
    assert "400-000-0000" in message.get_content()
    link = link_in(message)
    assert len(link.rpartition("/")[2]) >= 43
    for _again in range(2):
        opened = somebody.browser.get(link)
        assert opened.status_code == 200
        assert opened.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in opened.headers["Cache-Control"]
    assert address not in somebody.browser.get("/account/channels").text
    assert somebody.browser.post(link).status_code == 200
    assert address in somebody.browser.get("/account/channels").text
    assert somebody.browser.get(link).status_code == 410


def test_a_link_is_over_after_an_hour(
    somebody: Reachable, worker: Context, owner_engine: Engine, mail: MailBox, clock: Any
) -> None:
    """CONTROLS 5: e-mail link 256 bit, 1 h."""
    address = f"u{uuid.uuid4().hex[:10]}@example.cn"
    stepped_up(somebody)
    somebody.browser.post("/account/channels/email", page="/account/channels", email=address)
    work(worker, owner_engine)
    link = link_in(mail.to(address)[0])
    clock.move(timedelta(minutes=61))
    assert somebody.browser.get(link).status_code == 410


def test_a_new_address_is_asked_for_only_by_who_proved_themselves(somebody: Reachable) -> None:
    """SECURITY 26: contact changes need a fresh proof."""
    done = somebody.browser.post(
        "/account/channels/email", page="/account/channels", email="a@example.cn"
    )
    assert done.status_code == 403


def test_the_address_before_is_told_of_the_new_one(
    somebody: Reachable, worker: Context, owner_engine: Engine, mail: MailBox
) -> None:
    """C-39: notices go to the old channels too."""
    old = with_email(somebody, worker, owner_engine, mail)
    new = with_email(somebody, worker, owner_engine, mail)
    work(worker, owner_engine)
    assert "这个邮箱不再收到信" in mail.to(old)[-1].get_content()
    assert "这个邮箱不再收到信" not in "".join(each.get_content() for each in mail.to(new))


@pytest.mark.parametrize(
    "typed",
    [
        "a@example.cn\r\nBcc: other@example.cn",
        "a@example.cn, other@example.cn",
        '"x\r\nSubject: y"@example.cn',
        "a@b@example.cn",
        "<script>@example.cn",
        "a@exam ple.cn",
    ],
)
def test_an_address_that_says_more_than_an_address_is_refused(
    somebody: Reachable, typed: str, owner_engine: Engine
) -> None:
    """C-59: mail-header injection."""
    stepped_up(somebody)
    done = somebody.browser.post("/account/channels/email", page="/account/channels", email=typed)
    assert done.status_code == 422
    assert "name@example.cn" in done.text


def test_a_number_is_verified_by_a_code_that_bears_five_tries(
    somebody: Reachable, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """CONTROLS 5: 6 digits, 5 min, 5 tries."""
    somebody.browser.post("/account/channels/phone", page="/account/channels")
    work(worker, owner_engine)
    code = code_in(sms.to(somebody.phone)[0])
    wrong = f"{(int(code) + 1) % 10**6:06}"
    form = "/account/channels/phone/code"
    for _each in range(5):
        done = somebody.browser.post(form, page="/account/channels", code=wrong)
        assert done.status_code == 422
    assert somebody.browser.post(form, page="/account/channels", code=code).status_code == 422
    assert "还没有验证" in somebody.browser.get("/account/channels").text


def test_a_forgotten_password_is_set_anew_by_the_code_and_all_sessions_end(
    somebody: Reachable,
    site: Flask,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    clock: Any,
) -> None:
    """B4, C-34, C-35: by a verified channel, never by questions."""
    with_phone(somebody, worker, owner_engine, sms)
    clock.move(timedelta(minutes=2))
    stranger = Browser(site)
    asked = stranger.post("/account/forgotten", phone=somebody.phone)
    assert asked.status_code == 200
    found = re.search(r'name="request_id"[^>]*value="([^"]+)"', asked.text)
    assert found
    work(worker, owner_engine)
    code = code_in(sms.to(somebody.phone)[-1])
    done = stranger.post(
        "/account/forgotten/code",
        page="/account/forgotten",
        request_id=found[1],
        code=code,
        password=NEW,
    )
    assert done.status_code == 200, done.text
    assert "密码已重设" in done.text
    assert somebody.browser.get("/account/channels").status_code == 302
    assert stranger.sign_in(somebody.phone, LONG).status_code == 422
    assert stranger.sign_in(somebody.phone, NEW).status_code == 303
    again = stranger.post(
        "/account/forgotten/code",
        page="/account/channels",
        request_id=found[1],
        code=code,
        password=NEW + "x",
    )
    assert again.status_code == 422


def test_a_forgotten_password_is_set_anew_by_the_link_once(
    somebody: Reachable,
    site: Flask,
    worker: Context,
    owner_engine: Engine,
    mail: MailBox,
    clock: Any,
) -> None:
    """B4: the link's page sets the password; a second use finds it over."""
    address = with_email(somebody, worker, owner_engine, mail)
    clock.move(timedelta(minutes=2))
    stranger = Browser(site)
    stranger.post("/account/forgotten", phone=somebody.phone)
    work(worker, owner_engine)
    link = link_in(mail.to(address)[-1])
    assert "/account/forgotten/link/" in link
    assert stranger.post(link, password="short").status_code == 422
    assert stranger.post(link, password=NEW).status_code == 200
    assert stranger.get(link).status_code == 410
    assert stranger.sign_in(somebody.phone, NEW).status_code == 303


def test_a_reset_answers_the_same_for_a_number_without_an_account(
    somebody: Reachable, site: Flask, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """C-32: same body and status; the web does the same work for both."""
    nobody = some_phone()
    answers = []
    for phone in (somebody.phone, nobody):
        done = Browser(site).post("/account/forgotten", phone=phone)
        plain = re.sub(r'value="[^"]*"', "", done.text)
        answers.append((done.status_code, re.sub(r"nonce-\S+", "", plain)))
    assert answers[0] == answers[1]
    work(worker, owner_engine)
    assert sms.to(nobody) == []


def test_a_code_costs_the_same_for_a_number_without_an_account(
    somebody: Reachable,
    site: Flask,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    clock: Any,
) -> None:
    """C-32: a wrong code at the reset: same page, and statement for statement the same work."""
    with_phone(somebody, worker, owner_engine, sms)
    clock.move(timedelta(minutes=2))
    pages, done = [], []
    for phone in (somebody.phone, some_phone()):
        browser = Browser(site)
        asked = browser.post("/account/forgotten", phone=phone)
        found = re.search(r'name="request_id"[^>]*value="([^"]+)"', asked.text)
        assert found
        work(worker, owner_engine)
        token = browser.token("/account/forgotten")
        fields = {"csrf_token": token, "request_id": found[1], "code": "000000", "password": NEW}
        with counted() as statements:
            answer = browser.client.post(
                "/account/forgotten/code",
                data=fields,
                environ_base={"REMOTE_ADDR": browser.address},
            )
        pages.append((answer.status_code, len(answer.text)))
        done.append(list(statements))
    assert len(sms.to(somebody.phone)) == 2
    assert pages[0] == pages[1]
    assert done[0] == done[1]


def test_a_reset_is_asked_for_once_a_minute_whoever_asks(site: Flask) -> None:
    """C-62: by number, over all sources."""
    phone = some_phone()
    assert Browser(site).post("/account/forgotten", phone=phone).status_code == 200
    assert Browser(site).post("/account/forgotten", phone=phone).status_code == 429


def test_a_notice_goes_out_by_channels_in_the_persons_language(
    somebody: Reachable,
    worker: Context,
    owner_engine: Engine,
    web_engine: Engine,
    mail: MailBox,
) -> None:
    """S-020, S-067: essential ones always, others only if they are wanted."""
    address = with_email(somebody, worker, owner_engine, mail)
    somebody.browser.post("/account/channels/choices", page="/account/channels", locale="en")
    before = len(mail.to(address))
    with Session(web_engine) as session:
        account_id = session.scalars(
            text("SELECT account_id FROM reaches ORDER BY verified_at DESC LIMIT 1")  # type: ignore[arg-type]
        ).one()
        notify(session, account_id, "document_returned", document_id=uuid.uuid4())
        notify(session, account_id, "registration_submitted", registration_id=uuid.uuid4())
        session.commit()
    work(worker, owner_engine)
    (message,) = mail.to(address)[before:]
    assert message["Content-Language"] == "en"
    assert "400-000-0000" in message.get_content()


def test_nothing_personal_stands_in_jobs_or_readable_in_rows(
    somebody: Reachable, worker: Context, owner_engine: Engine, mail: MailBox, sms: SmsService
) -> None:
    """SECURITY 45: addresses, numbers, codes and links are in no job and no readable column."""
    with_phone(somebody, worker, owner_engine, sms)
    address = with_email(somebody, worker, owner_engine, mail)
    secrets = [address, somebody.phone, code_in(sms.to(somebody.phone)[0])]
    secrets.append(link_in(mail.to(address)[0]).rpartition("/")[2])
    with owner_engine.connect() as connection:
        stored = ""
        for table in ("procrastinate_jobs", "messages", "proofs", "reaches", "audit_entries"):
            rows = connection.execute(text(f"SELECT {table}::text FROM {table}")).scalars()
            stored += "\n".join(rows)
    digits = r"(?<![0-9a-f-]){}(?![0-9a-f-])"
    assert [each for each in secrets if re.search(digits.format(re.escape(each)), stored)] == []


def test_addresses_go_after_thirty_days_and_states_after_a_year(
    somebody: Reachable,
    worker: Context,
    owner_engine: Engine,
    web_engine: Engine,
    mail: MailBox,
    clock: Any,
) -> None:
    """CONTROLS 5: message.body 30 days, delivery state 12 months."""
    with_email(somebody, worker, owner_engine, mail)
    clock.move(timedelta(days=31))
    messages.expire(worker)
    with worker.sessions() as session:
        old = session.query(Message).filter(Message.created_at < time.now() - timedelta(days=30))
        assert old.count() > 0
        assert old.filter(Message.address.is_not(None)).count() == 0
    clock.move(timedelta(days=335))
    messages.expire(worker)
    with worker.sessions() as session:
        assert session.query(Message).count() == 0


def test_a_new_number_is_proven_by_a_code_before_anybody_is_asked_to_change_it(
    somebody: Reachable, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """C-34, C-39, C-45, G2: a fresh second step, a code to the new number, tries counted."""
    page, code_page = "/me/data/phone", "/me/data/phone/code"
    new = some_phone()
    asked = "SELECT count(*) FROM rights_requests WHERE subject = 'account_phone'"

    def requests() -> int:
        with owner_engine.connect() as connection:
            return int(connection.execute(text(asked)).scalar_one())

    before = requests()
    unproven = somebody.browser.get(page)
    assert unproven.status_code == 302
    assert "step-up" in unproven.headers["Location"]
    stepped_up(somebody, page)
    assert somebody.browser.post(page, page=page, phone="12345").status_code == 422
    assert somebody.browser.post(page, page=page, phone=new).status_code == 303
    work(worker, owner_engine)
    (message,) = sms.to(new)
    assert sms.to(somebody.phone) == []
    right = re.findall(r"[0-9]{6}", message["TemplateParam"])[0]
    wrong = f"{(int(right) + 1) % 10**6:06}"
    refused = somebody.browser.post(code_page, page=code_page, code=wrong)
    assert refused.status_code == 422
    assert requests() == before
    taken = somebody.browser.post(code_page, page=code_page, code=right)
    assert taken.status_code == 303
    assert "/me/data/requests/" in taken.headers["Location"]
    assert requests() == before + 1
    # Used up: a second time it asks for nothing.
    assert somebody.browser.post(code_page, page=code_page, code=right).status_code == 422
    assert requests() == before + 1
