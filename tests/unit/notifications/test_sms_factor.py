"""Codes by SMS as a student's second factor: the weaker one, chosen, never offered unverified."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Engine

from heyan.settings import Settings
from tests.accounts import LONG, SHORT, Authenticator, Browser, some_phone
from tests.notifications import SmsService
from tests.unit.notifications.conftest import Reachable
from tests.unit.notifications.test_channels import code_in, stepped_up, with_phone, work
from uploads_worker.context import Context

FIRST, ON, ASK = "/account/sms-factor/first", "/account/sms-factor", "/account/code/sms"


def set_up(
    browser: Browser, phone: str, worker: Context, owner: Engine, sms: SmsService, page: str
) -> Any:
    """Switch codes by SMS on, as a person does; return the last answer."""
    assert browser.post(page, send="1").status_code == 303
    work(worker, owner)
    return browser.post(page, code=code_in(sms.to(phone)[-1]))


def with_factor(
    site: Flask, worker: Context, owner: Engine, sms: SmsService, clock: Any
) -> Reachable:
    """Somebody with a short password whose second factor is SMS alone."""
    browser, phone = Browser(site), some_phone()
    assert browser.register(phone, SHORT).status_code == 200
    assert browser.sign_in(phone, SHORT).headers["Location"].startswith("/account/authenticator")
    done = set_up(browser, phone, worker, owner, sms, FIRST)
    assert done.status_code == 200, done.text
    clock.move(timedelta(minutes=2))
    return Reachable(browser, phone, f"+86{phone}")


def asked(
    site: Flask, somebody: Reachable, worker: Context, owner: Engine, sms: SmsService
) -> tuple[Browser, str]:
    """A strange browser after the password, and the code that came for it."""
    stranger = Browser(site)
    assert stranger.sign_in(somebody.phone, SHORT).status_code == 303
    before = len(sms.to(somebody.phone))
    assert stranger.post(ASK, page="/account/code").status_code == 303
    work(worker, owner)
    assert len(sms.to(somebody.phone)) == before + 1
    return stranger, code_in(sms.to(somebody.phone)[-1])


def test_a_short_password_stands_beside_codes_by_sms(
    site: Flask, worker: Context, owner_engine: Engine, sms: SmsService, clock: Any
) -> None:
    """Q16, SECURITY 19: set up at the first sign-in; each new device is asked for one."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    assert somebody.browser.get("/account/sessions").status_code == 200
    stranger, code = asked(site, somebody, worker, owner_engine, sms)
    assert stranger.get("/account/sessions").status_code == 403
    assert re.fullmatch(r"[0-9]{6}", code)
    assert stranger.post("/account/code", code=code).status_code == 303
    assert stranger.get("/account/sessions").status_code == 200


def test_the_page_says_that_sms_is_the_weaker_way(somebody: Reachable) -> None:
    """Q16, NIST SP 800-63B: told before it is switched on."""
    stepped_up(somebody, "/account/sms-factor")
    page = somebody.browser.get(ON).text
    assert "较弱的一种" in page
    assert "较弱的一种" in somebody.browser.get("/account/sessions").text


def test_a_code_is_good_once_five_minutes_and_five_tries(
    site: Flask, worker: Context, owner_engine: Engine, sms: SmsService, clock: Any
) -> None:
    """CONTROLS 5, ASVS 6.5.5: 6 digits, 5 min, 5 tries, once."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    first, code = asked(site, somebody, worker, owner_engine, sms)
    assert first.post("/account/code", code=code).status_code == 303
    clock.move(timedelta(minutes=2))
    second, late = asked(site, somebody, worker, owner_engine, sms)
    assert second.post("/account/code", code=code).status_code == 422
    clock.move(timedelta(minutes=5, seconds=1))
    assert second.post("/account/code", code=late).status_code == 422
    third, good = asked(site, somebody, worker, owner_engine, sms)
    wrong = f"{(int(good) + 1) % 10**6:06}"
    for _each in range(5):
        assert third.post("/account/code", code=wrong).status_code == 422
        clock.move(timedelta(seconds=20))
    assert third.post("/account/code", code=good).status_code == 422


def test_a_code_is_good_in_the_session_that_asked_alone(
    site: Flask, worker: Context, owner_engine: Engine, sms: SmsService, clock: Any
) -> None:
    """ASVS 6.6.2: bound to its own sign-in; a stranger's tries use up no code of the owner's."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    owner, code = asked(site, somebody, worker, owner_engine, sms)
    thief = Browser(site)
    assert thief.sign_in(somebody.phone, SHORT).status_code == 303
    for _each in range(6):
        assert thief.post("/account/code", code=code).status_code in (422, 429)
    clock.move(timedelta(minutes=1))
    assert owner.post("/account/code", code=code).status_code == 303


def test_a_number_that_is_not_verified_is_not_offered_and_gets_nothing(
    somebody: Reachable, site: Flask, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """Q16: an authenticator alone; the page offers no SMS, and asking answers as it always does."""
    stepped_up(somebody, "/account/sessions")
    page = "/account/authenticator/replace"
    authenticator = Authenticator.from_page(somebody.browser.get(page).text)
    assert somebody.browser.post(page, code=authenticator.code()).status_code == 200
    stranger = Browser(site)
    assert stranger.sign_in(somebody.phone, LONG).status_code == 303
    assert ASK not in stranger.get("/account/code").text
    assert stranger.post(ASK, page="/account/code").status_code == 303
    work(worker, owner_engine)
    assert sms.to(somebody.phone) == []
    # Who owes the authenticator's code sets up no other factor (SECURITY 24).
    assert stranger.get(FIRST).status_code == 302
    with owner_engine.connect() as connection:
        assert connection.execute(text("SELECT 1 FROM proofs WHERE purpose = 'sign_in' AND"
            " account_id = (SELECT account_id FROM totp_factors ORDER BY last_step DESC LIMIT 1)"
        )).first() is None  # fmt: skip


def test_a_verified_number_is_no_factor_until_its_owner_says_so(
    somebody: Reachable,
    site: Flask,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    clock: Any,
) -> None:
    """Q16: their choice; a long password goes on alone."""
    with_phone(somebody, worker, owner_engine, sms)
    stranger = Browser(site)
    assert stranger.sign_in(somebody.phone, LONG).status_code == 303
    assert stranger.get("/account/sessions").status_code == 200
    clock.move(timedelta(minutes=2))
    stepped_up(somebody, ON)
    done = set_up(somebody.browser, somebody.phone, worker, owner_engine, sms, ON)
    assert done.status_code == 200
    assert stranger.get("/account/sessions").status_code == 302
    assert stranger.sign_in(somebody.phone, LONG).headers["Location"].startswith("/account/code")


def test_the_budget_of_a_number_holds_for_sign_in_codes_and_says_when(
    site: Flask, worker: Context, owner_engine: Engine, sms: SmsService, clock: Any
) -> None:
    """C-62, SECURITY 43: one a minute, five an hour, whatever the route."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    stranger, _code = asked(site, somebody, worker, owner_engine, sms)
    assert stranger.post(ASK, page="/account/code").status_code == 303
    assert "太频繁" in stranger.get("/account/code").text
    work(worker, owner_engine)
    for _each in range(10):
        clock.move(timedelta(seconds=61))
        stranger.post(ASK, page="/account/code")
        work(worker, owner_engine)
    assert len(sms.to(somebody.phone)) == 5


def test_it_answers_a_fresh_proof_and_is_switched_off_only_where_something_is_left(
    site: Flask, worker: Context, owner_engine: Engine, sms: SmsService, clock: Any
) -> None:
    """C-45, C-38: step-up by SMS; the last factor of a short password stays, and says why."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    clock.move(timedelta(minutes=11))
    browser = somebody.browser
    assert browser.get("/account/sms-factor/off").status_code in (302, 303, 403)
    assert browser.post(ASK, page="/account/step-up").status_code == 303
    work(worker, owner_engine)
    code = code_in(sms.to(somebody.phone)[-1])
    assert browser.post("/account/step-up", code=code).status_code == 303
    refused = browser.post("/account/sms-factor/off")
    assert refused.status_code == 409
    assert "至少 15 位" in refused.text
    page = "/account/authenticator/replace"
    authenticator = Authenticator.from_page(browser.get(page).text)
    assert browser.post(page, code=authenticator.code()).status_code == 200
    assert browser.post("/account/sms-factor/off").status_code == 303
    stranger = Browser(site)
    assert stranger.sign_in(somebody.phone, SHORT).status_code == 303
    assert ASK not in stranger.get("/account/code").text


def test_no_code_stands_readable_anywhere(
    site: Flask,
    worker: Context,
    owner_engine: Engine,
    sms: SmsService,
    clock: Any,
    capfd: Any,
) -> None:
    """SECURITY 45: in no table, no job and no log line."""
    somebody = with_factor(site, worker, owner_engine, sms, clock)
    stranger, code = asked(site, somebody, worker, owner_engine, sms)
    stranger.post("/account/code", code=code)
    with owner_engine.connect() as connection:
        stored = ""
        for table in ("procrastinate_jobs", "messages", "proofs", "reaches", "audit_entries"):
            rows = connection.execute(text(f"SELECT {table}::text FROM {table}")).scalars()
            stored += "\n".join(rows)
    said = capfd.readouterr()
    whole = re.compile(rf"(?<![0-9a-f.-]){code}(?![0-9a-f.-])")
    for place in (stored, said.out, said.err):
        assert not whole.search(place)
        assert somebody.phone not in place


def test_recovery_codes_say_which_site_and_account_they_are_for(
    site: Flask, settings: Settings, worker: Context, owner_engine: Engine, sms: SmsService
) -> None:
    """C-38: a slip of paper names site, masked account and day, and that each works once."""
    browser, phone = Browser(site), some_phone()
    assert browser.register(phone, SHORT).status_code == 200
    assert browser.sign_in(phone, SHORT).status_code == 303
    page = set_up(browser, phone, worker, owner_engine, sms, FIRST).text
    assert len(re.findall(r"<code>[0-9A-Z]{5}-[0-9A-Z]{5}</code>", page)) == 10
    assert f"{phone[:3]}＊＊＊＊{phone[-2:]}" in page
    assert phone not in page
    assert f"{settings.site_name}的备用码" in page
    assert "只能用一次" in page
    assert "生成时间" in page
