"""Through the doors as people do: register, sign in, second factor, sign out."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from tests.accounts import LONG, SHORT, Authenticator, Browser, let_in, registered, some_phone


def test_an_account_is_opened_and_signed_in_with(browser: Browser) -> None:
    """B3."""
    phone = some_phone()
    answer = browser.register(phone, LONG)
    assert answer.status_code == 200
    assert f'value="{phone}"' in answer.text
    answer = browser.sign_in(phone, LONG, next="/account/password")
    assert (answer.status_code, answer.location) == (303, "/account/password")
    assert browser.get("/account/sessions").status_code == 200


def test_a_short_password_leads_to_an_authenticator_and_nowhere_else(browser: Browser) -> None:
    """SECURITY 19."""
    phone = some_phone()
    browser.register(phone, SHORT)
    answer = browser.sign_in(phone, SHORT)
    assert answer.location.startswith("/account/authenticator")
    assert browser.get("/account/sessions").status_code == 403
    authenticator = Authenticator.from_page(browser.get("/account/authenticator").text)
    answer = browser.post("/account/authenticator", code=authenticator.code())
    assert answer.status_code == 200
    assert answer.text.count("<li><code>") == 10
    assert browser.get("/account/sessions").status_code == 200


def test_a_colleague_is_let_in_by_invitation_and_code(site: Flask, db_session: Session) -> None:
    colleague = let_in(site, db_session)
    assert colleague.browser.get("/account/sessions").status_code == 200
    assert len(colleague.recovery_codes) == 10


def test_signing_out_ends_the_session_and_clears_the_browser(site: Flask) -> None:
    """C-43, C-57, SECURITY 22."""
    someone = registered(site)
    token = someone.browser.cookie("heyan_session")
    answer = someone.browser.post("/account/logout", page="/account/sessions")
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    someone.browser.client.set_cookie("heyan_session", token or "")
    assert someone.browser.get("/account/sessions").status_code == 302


def test_a_stale_session_cookie_does_not_stand_in_the_way(site: Flask) -> None:
    someone = registered(site)
    someone.browser.client.set_cookie("heyan_session", "gone")
    assert someone.browser.sign_in(someone.login, LONG).status_code == 303
    assert someone.browser.get("/account/sessions").status_code == 200
