"""What strangers try at the doors: guessing, asking who is here, planted requests, forged heads."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.entry import find
from heyan.accounts.models import Account
from heyan.audit.models import AuditEntry
from heyan.settings import Settings
from tests.accounts import LONG, SHORT, Browser, let_in, quick, registered, some_phone
from tests.conftest import Clock

WRONG = "not the password at all"


def wrong(app: Flask, login: str, times: int = 1) -> list[int]:
    """Guess from a new address each time, so that only the account is counted."""
    return [Browser(app).sign_in(login, WRONG).status_code for _ in range(times)]


def plain(answer: Any, login: str) -> tuple[int, str]:
    """An answer without what differs between any two: tokens, numbers, what was typed."""
    text = re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)
    return answer.status_code, text.replace(login, "LOGIN")


# --- guessing (SECURITY 20; C-31) --------------------------------------------------------------


def test_five_failures_are_free_and_then_it_slows(site: Flask) -> None:
    """SECURITY 20, C-31: CONTROLS 5: five free failures, then one second doubling."""
    someone = registered(site)
    assert wrong(site, someone.login, 7)[:6] == [422] * 6
    answer = Browser(site).sign_in(someone.login, LONG)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_delay_grows_to_a_quarter_of_an_hour(
    site: Flask, clock: Clock, settings: Settings
) -> None:
    """CONTROLS 5: doubling up to 15 minutes, never longer."""
    from heyan.accounts.throttle import delay

    assert [delay(count, settings) for count in (5, 6, 7, 8)] == [0, 1, 2, 4]
    assert delay(99, settings) == 900


def test_throttles_are_shared_by_every_process(site: Flask, settings: Settings) -> None:
    """SECURITY 20, C-31: a second instance of the application counts on."""
    from heyan import create_app

    other, someone = create_app(quick(settings)), registered(site)
    for number in range(7):
        wrong(site if number % 2 else other, someone.login)
    assert Browser(other).sign_in(someone.login, LONG).status_code == 429
    assert Browser(site).sign_in(someone.login, LONG).status_code == 429


def test_a_stranger_cannot_lock_a_known_device_out(site: Flask) -> None:
    """SECURITY 20, C-31: the owner's own browser has a count of its own."""
    someone = registered(site)
    someone.browser.post("/account/logout", page="/account/sessions")
    wrong(site, someone.login, 9)
    assert Browser(site).sign_in(someone.login, LONG).status_code == 429
    assert someone.browser.sign_in(someone.login, LONG).status_code == 303


def test_no_lock_lasts_for_good(site: Flask, clock: Clock) -> None:
    """SECURITY 20: after the delay the right password opens from anywhere."""
    someone = registered(site)
    wrong(site, someone.login, 9)
    clock.move(timedelta(minutes=15, seconds=1))
    assert Browser(site).sign_in(someone.login, LONG).status_code == 303


def test_a_hundred_in_a_row_turn_strange_browsers_away_only(
    site: Flask, db_session: Session, clock: Clock
) -> None:
    """SECURITY 20, CONTROLS 5: off until the password is changed; known devices stay in."""
    someone = registered(site)
    someone.browser.post("/account/logout", page="/account/sessions")
    account = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert account is not None
    account.failed_count = 100
    db_session.commit()
    assert Browser(site).sign_in(someone.login, LONG).status_code == 403
    assert someone.browser.sign_in(someone.login, LONG).status_code == 303
    changed = someone.browser.post(
        "/account/password", password=LONG, new_password="violet harbour tangerine"
    )
    assert changed.status_code == 303
    answer = Browser(site).sign_in(someone.login, "violet harbour tangerine")
    assert answer.status_code == 303


def test_one_source_is_limited_over_all_accounts(site: Flask) -> None:
    """SECURITY 20, C-31: CONTROLS 5: 20 a minute from one source."""
    browser = Browser(site)
    statuses = [browser.sign_in(some_phone(), WRONG).status_code for _ in range(21)]
    assert statuses[:20] == [422] * 20
    assert statuses[20] == 429


# --- who is here (SECURITY 21; C-32) -----------------------------------------------------------


def test_sign_in_answers_the_same_for_anyone(site: Flask) -> None:
    """SECURITY 21, C-32: status and page, at the first failure and when it slows."""
    known, unknown = registered(site).login, some_phone()
    for _ in range(8):
        answers = {plain(Browser(site).sign_in(login, WRONG), login) for login in (known, unknown)}
        assert len(answers) == 1


def test_registering_answers_the_same_for_anyone(site: Flask) -> None:
    """SECURITY 21, C-32: the owner hears of it, the sender does not."""
    known, unknown = registered(site).login, some_phone()
    answers = {plain(Browser(site).register(login, LONG), login) for login in (known, unknown)}
    assert len(answers) == 1
    assert Browser(site).sign_in(known, LONG).status_code == 303


def test_a_taken_number_is_not_taken_over(site: Flask) -> None:
    """C-32: registering again changes nothing of the account."""
    someone = registered(site)
    Browser(site).register(someone.login, "violet harbour tangerine")
    assert Browser(site).sign_in(someone.login, "violet harbour tangerine").status_code == 422
    assert Browser(site).sign_in(someone.login, LONG).status_code == 303


def test_a_disabled_account_answers_like_none(site: Flask, db_session: Session) -> None:
    """C-32."""
    someone, unknown = registered(site), some_phone()
    account = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert account is not None
    account.status = type(account.status).DISABLED
    db_session.commit()
    answers = {
        plain(Browser(site).sign_in(login, LONG), login) for login in (someone.login, unknown)
    }
    assert len(answers) == 1


# --- requests that are not one's own (SECURITY 32; C-53) ---------------------------------------


@pytest.mark.parametrize("path", ["/account/login", "/account/register", "/account/activate"])
def test_open_forms_refuse_a_missing_or_foreign_token(site: Flask, path: str) -> None:
    """SECURITY 32, C-53: the sign-in form too; a token of another browser is none."""
    foreign = Browser(site).token(path)
    for token in (None, "", "1.2.3", foreign):
        browser = Browser(site)
        browser.get(path)
        data = {"phone": some_phone(), "password": LONG, "consent": "y"}
        if token is not None:
            data["csrf_token"] = token
        assert browser.client.post(path, data=data).status_code == 403


@pytest.mark.parametrize("path", ["/account/login", "/staff/login", "/account/register"])
def test_an_open_forms_token_signs_nobody_in(site: Flask, path: str) -> None:
    """C-53: a token from a page without a cookie is anybody's; no door takes it."""
    token = Browser(site).token("/leads/new")
    answer = Browser(site).client.post(
        path,
        data={"csrf_token": token, "phone": some_phone(), "password": LONG, "consent": "y"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["1.2.é", "²².2.3", "9" * 5000 + ".2.3", ".", "1.2.3.4\ud7ff"])
def test_a_token_of_strange_letters_is_refused(site: Flask, token: str) -> None:
    """C-53, C-59: refused like any other, in the form and in the header."""
    browser = Browser(site)
    browser.get("/account/login")
    data = {"csrf_token": token, "phone": some_phone(), "password": LONG}
    assert browser.client.post("/account/login", data=data).status_code == 403
    heads = {"X-CSRF-Token": token.encode().decode("latin-1")}
    assert browser.client.post("/account/login", data={}, headers=heads).status_code == 403


def test_an_origin_that_is_no_address_is_refused(site: Flask) -> None:
    """C-53: not a fault of ours."""
    browser = Browser(site)
    token = browser.token("/account/login")
    for origin in ("http://[::1", "http://[", "\xff", "//"):
        sent = browser.client.post(
            "/account/login",
            data={"csrf_token": token, "phone": some_phone(), "password": LONG},
            headers={"Origin": origin},
        )
        assert sent.status_code == 403


@pytest.mark.parametrize("method", ["head", "HeAd"])
def test_a_head_in_small_letters_is_a_head(site: Flask, method: str) -> None:
    """C-53: the server hands methods on as they come; none of them is a way to a POST."""
    someone = registered(site)
    someone.browser.post("/account/step-up", password=LONG)
    where = {"REQUEST_METHOD": method, "REMOTE_ADDR": someone.browser.address}
    sent = someone.browser.client.get("/account/authenticator/remove", environ_overrides=where)
    assert (sent.status_code, sent.data) == (200, b"")


@pytest.mark.parametrize("fetch_site", ["cross-site", "same-site"])
def test_another_sites_request_is_refused_with_a_right_token(site: Flask, fetch_site: str) -> None:
    """SECURITY 32, C-53: Sec-Fetch-Site decides where a browser sends it."""
    someone = registered(site)
    token = someone.browser.token("/account/sessions")
    answer = someone.browser.client.post(
        "/account/logout",
        data={"csrf_token": token},
        headers={"Sec-Fetch-Site": fetch_site},
    )
    assert answer.status_code == 403
    assert someone.browser.get("/account/sessions").status_code == 200


def test_a_foreign_origin_is_refused(site: Flask) -> None:
    """C-53: for browsers without Sec-Fetch-Site."""
    someone = registered(site)
    token = someone.browser.token("/account/sessions")
    for origin in ("https://evil.example", "null", "http://localhost.evil.example"):
        answer = someone.browser.client.post(
            "/account/logout", data={"csrf_token": token}, headers={"Origin": origin}
        )
        assert answer.status_code == 403


def test_a_token_of_another_person_is_refused(site: Flask) -> None:
    """C-53: bound to the session."""
    one, other = registered(site), registered(site)
    answer = one.browser.client.post(
        "/account/logout", data={"csrf_token": other.browser.token("/account/sessions")}
    )
    assert answer.status_code == 403


# --- forged heads and addresses (SECURITY 36; C-58) --------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "///evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "/\r\nSet-Cookie: a=b",
        "http:evil.example",
        "/@evil.example/../..",
    ],
)
def test_next_leads_nowhere_else(site: Flask, target: str) -> None:
    """SECURITY 36, C-58: after signing in one stays on this site."""
    someone = registered(site)
    answer = Browser(site).sign_in(someone.login, LONG, next=target)
    assert answer.status_code == 303
    assert answer.location.startswith("/")
    assert not answer.location.startswith(("//", "/\\"))
    assert "Set-Cookie: a" not in str(answer.headers)
    assert "evil" not in answer.location or answer.location.startswith(("/%5c", "/@"))


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example"]
)
def test_a_forged_host_is_refused(site: Flask, host: str) -> None:
    """SECURITY 36, C-58."""
    answer = Browser(site).client.get("/account/login", headers={"Host": host})
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_a_forged_host_leads_no_link_away(site: Flask) -> None:
    """SECURITY 36, C-58: what a page and a redirect name is this site, by path."""
    shown = Browser(site).client.get("/staff", headers={"Host": "127.0.0.1:99"})
    assert shown.location.startswith("/staff/login")


def test_forwarded_heads_count_for_nothing_without_a_proxy(
    site: Flask, db_session: Session
) -> None:
    """SECURITY 36, C-58: no other address, no other host, no other scheme."""
    browser = Browser(site)
    headers = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Real-IP": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=203.0.113.9;host=evil.example",
    }
    answer = browser.client.get(
        "/staff", headers=headers, environ_base={"REMOTE_ADDR": browser.address}
    )
    assert answer.status_code == 302
    assert "evil" not in answer.location
    someone = registered(site)
    token = someone.browser.token("/account/sessions")
    someone.browser.client.post(
        "/account/sessions/end-others",
        data={"csrf_token": token},
        headers=headers,
        environ_base={"REMOTE_ADDR": someone.browser.address},
    )
    account = find(db_session, Realm.PUBLIC, f"+86{someone.login}")
    assert account is not None
    source = db_session.scalars(
        select(AuditEntry.source)
        .where(AuditEntry.actor_id == account.id)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).one()
    assert str(source) == someone.browser.address


def test_one_source_cannot_pose_as_many(site: Flask) -> None:
    """C-58: X-Forwarded-For does not get around the limit by source."""
    browser, statuses = Browser(site), []
    for number in range(21):
        token = browser.token("/account/login")
        statuses.append(
            browser.client.post(
                "/account/login",
                data={"csrf_token": token, "phone": some_phone(), "password": WRONG},
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
                environ_base={"REMOTE_ADDR": browser.address},
            ).status_code
        )
    assert statuses[-1] == 429


def test_a_configured_proxy_is_believed_and_one_hop_only(settings: Settings) -> None:
    """C-58: the last hop before the proxy, not what a client wrote in front of it."""
    from heyan import create_app

    app = create_app(dataclasses.replace(quick(settings), trusted_proxies=1))
    browser, statuses = Browser(app), []
    for number in range(21):
        token = browser.token("/account/login")
        statuses.append(
            browser.client.post(
                "/account/login",
                data={"csrf_token": token, "phone": some_phone(), "password": WRONG},
                headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.77"},
                environ_base={"REMOTE_ADDR": "10.9.9.9"},
            ).status_code
        )
    assert statuses[-1] == 429


# --- leaving (C-57) ----------------------------------------------------------------------------


def test_signing_out_clears_the_browser(site: Flask, db_session: Session) -> None:
    """C-57: Clear-Site-Data, the cookie gone, the session dead."""
    colleague = let_in(site, db_session)
    token = colleague.browser.cookie("heyan_session") or ""
    answer = colleague.browser.post("/account/logout", page="/staff")
    assert "storage" in answer.headers["Clear-Site-Data"]
    assert colleague.browser.cookie("heyan_session") is None
    colleague.browser.client.set_cookie("heyan_session", token)
    assert colleague.browser.get("/staff").status_code == 302


@pytest.mark.parametrize("path", ["/account/sessions/x.css", "/staff/x.js", "/students/a.png"])
def test_a_page_under_a_files_name_is_not_kept(site: Flask, path: str) -> None:
    """SECURITY 36, C-57: no cache takes a private page for a picture."""
    answer = registered(site).browser.get(path)
    assert answer.status_code == 404
    assert "no-store" in answer.headers["Cache-Control"]


# --- more than was asked (SECURITY 29; C-48) ---------------------------------------------------


def test_registering_takes_nothing_but_its_own_fields(site: Flask, db_session: Session) -> None:
    """C-48: no realm, no role, no organizer by the form."""
    browser, phone = Browser(site), some_phone()
    browser.post(
        "/account/register",
        phone=phone,
        password=LONG,
        consent="y",
        realm="staff",
        roles="administrator",
        role="administrator",
        organization_id="0190a000-0000-7000-8000-000000000000",
        status="closed",
        second_factor_required="",
    )
    account = find(db_session, Realm.PUBLIC, f"+86{phone}")
    assert account is not None
    assert (account.realm, account.organization_id) == (Realm.PUBLIC, None)
    browser.sign_in(phone, LONG)
    assert browser.get("/staff").status_code == 403


def test_a_short_password_cannot_talk_itself_out_of_the_second_factor(
    site: Flask, db_session: Session
) -> None:
    """C-48, Q16."""
    browser, phone = Browser(site), some_phone()
    browser.post(
        "/account/register",
        phone=phone,
        password=SHORT,
        consent="y",
        second_factor_required="false",
    )
    account = db_session.scalars(
        select(Account).where(Account.id == find(db_session, Realm.PUBLIC, f"+86{phone}").id)  # type: ignore[union-attr]
    ).one()
    assert account.second_factor_required
    browser.sign_in(phone, SHORT, complete="true", owes="")
    assert browser.get("/account/sessions").status_code == 403


def test_no_account_without_consent(site: Flask, db_session: Session) -> None:
    """A1, S-004: 422 and no row."""
    browser, phone = Browser(site), some_phone()
    answer = browser.post("/account/register", phone=phone, password=LONG)
    assert answer.status_code == 422
    assert find(db_session, Realm.PUBLIC, f"+86{phone}") is None
