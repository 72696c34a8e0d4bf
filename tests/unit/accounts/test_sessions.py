"""Sessions: hashed, rotated, ended by clock and by hand (SECURITY 22, 23; C-41 to C-45)."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import Realm, Role
from heyan.accounts import sessions
from heyan.accounts.models import Account, LoginSession
from heyan.settings import Settings
from tests.accounts import LONG, Browser, let_in, quick, registered
from tests.conftest import Clock

HERE = "heyan_session"


def live(session: Session, token: str | None) -> bool:
    """Whether the database holds a live session of *token*, as its hash."""
    digest = hashlib.sha256((token or "").encode()).digest()
    session.expire_all()
    return (
        session.scalars(
            select(LoginSession).where(
                LoginSession.token_hash == digest, LoginSession.revoked_at.is_(None)
            )
        ).first()
        is not None
    )


def test_a_token_is_256_bits_and_stored_as_its_hash(site: Flask, db_session: Session) -> None:
    """C-21, SECURITY 22, C-41."""
    someone = registered(site)
    token = someone.browser.cookie(HERE) or ""
    assert len(token) >= 43
    assert live(db_session, token)
    stored = db_session.scalars(select(LoginSession.token_hash)).all()
    assert token.encode() not in stored


def test_a_planted_session_is_not_taken_over(site: Flask) -> None:
    """SECURITY 22, C-41: fixation."""
    someone = registered(site)
    victim = Browser(site)
    victim.client.set_cookie(HERE, "planted-by-somebody-else")
    assert victim.sign_in(someone.login, LONG).status_code == 303
    assert victim.cookie(HERE) != "planted-by-somebody-else"


def test_an_attackers_own_session_ends_when_the_victim_signs_in_over_it(site: Flask) -> None:
    """C-41, ASVS 7.2.4: the session a browser comes with ends."""
    attacker, someone = registered(site), registered(site)
    planted = attacker.browser.cookie(HERE) or ""
    victim = Browser(site)
    victim.client.set_cookie(HERE, planted)
    victim.post("/account/login", page="/account/sessions", phone=someone.login, password=LONG)
    if victim.cookie(HERE) != planted:
        attacker.browser.client.set_cookie(HERE, planted)
        assert attacker.browser.get("/account/sessions").status_code == 302


def test_step_up_gives_a_new_token(site: Flask, db_session: Session, clock: Clock) -> None:
    """C-45, SECURITY 22, C-41: the old one is dead at once."""
    colleague = let_in(site, db_session)
    assert colleague.authenticator
    before = colleague.browser.cookie(HERE)
    clock.move(timedelta(minutes=1))
    code = colleague.authenticator.code()
    assert colleague.browser.post("/account/step-up", code=code).status_code == 303
    after = colleague.browser.cookie(HERE)
    assert after != before
    assert live(db_session, after)
    assert not live(db_session, before)


@pytest.mark.parametrize(
    ("realm", "role", "idle", "absolute"),
    [
        (Realm.PUBLIC, None, 60, 24),
        (Realm.STAFF, Role.AUDITOR, 15, 8),
    ],
)
def test_idle_and_absolute_ends(
    site: Flask,
    db_session: Session,
    clock: Clock,
    realm: Realm,
    role: Role | None,
    idle: int,
    absolute: int,
) -> None:
    """SECURITY 22, C-42 and the numbers of CONTROLS 5, by the server's clock."""
    someone = registered(site) if role is None else let_in(site, db_session, realm, (role,))
    clock.move(timedelta(minutes=idle) - timedelta(seconds=40))
    assert someone.browser.get("/account/sessions").status_code == 200
    clock.move(timedelta(minutes=idle, seconds=1))
    assert someone.browser.get("/account/sessions").status_code == 302
    clock.reset()
    someone = registered(site) if role is None else let_in(site, db_session, realm, (role,))
    passed = timedelta()
    while passed + timedelta(minutes=idle - 1) < timedelta(hours=absolute):
        passed += timedelta(minutes=idle - 1)
        clock.move(timedelta(minutes=idle - 1))
        assert someone.browser.get("/account/sessions").status_code == 200
    clock.move(timedelta(minutes=idle - 1))
    assert someone.browser.get("/account/sessions").status_code == 302


def test_numbers_of_organizers_sessions(settings: Settings) -> None:
    """C-42: CONTROLS 5: 30 min / 12 h; concurrent 5/3/2."""
    assert settings.session_limits(Realm.ORGANIZER) == (timedelta(minutes=30), timedelta(hours=12))
    assert [settings.concurrent_sessions(realm) for realm in Realm] == [5, 3, 2]


def test_the_sixth_session_ends_the_first(site: Flask) -> None:
    """C-42: CONTROLS 5."""
    someone = registered(site)
    others = [Browser(site) for _ in range(5)]
    for browser in others:
        assert browser.sign_in(someone.login, LONG).status_code == 303
    assert someone.browser.get("/account/sessions").status_code == 302
    assert others[0].get("/account/sessions").status_code == 200


def test_a_third_staff_session_ends_the_first(site: Flask, db_session: Session) -> None:
    """CONTROLS 5: two for staff."""
    colleague = let_in(site, db_session)
    account = db_session.get_one(Account, colleague.account_id)
    for _ in range(2):
        sessions.begin(
            db_session, quick_settings(site), account, complete=True, source="x", user_agent="x"
        )
    assert colleague.browser.get("/account/sessions").status_code == 302


def test_a_password_alone_ends_nobodys_session(site: Flask, db_session: Session) -> None:
    """C-31, C-36: who has the password and no second factor pushes no colleague out."""
    colleague = let_in(site, db_session)
    guesser = [Browser(site) for _ in range(4)]
    for browser in guesser:
        assert "/account/code" in browser.sign_in(colleague.login, LONG, "/staff/login").location
    assert colleague.browser.get("/staff").status_code == 200
    # Their own limit holds for those, too.
    assert guesser[0].get("/account/code").status_code == 302
    assert guesser[3].get("/account/code").status_code == 200


def test_a_completed_session_takes_the_place_of_the_oldest(
    site: Flask, db_session: Session
) -> None:
    """CONTROLS 5: two for staff, also when the second factor comes later than the password."""
    colleague = let_in(site, db_session)
    others = [Browser(site) for _ in range(2)]
    for browser, code in zip(others, colleague.recovery_codes, strict=False):
        browser.sign_in(colleague.login, LONG, "/staff/login")
        assert browser.post("/account/code", code=code).status_code == 303
    assert colleague.browser.get("/staff").status_code == 302
    assert [browser.get("/staff").status_code for browser in others] == [200, 200]


def quick_settings(site: Flask) -> Settings:
    """The site's settings."""
    held: Settings = site.extensions["heyan"].settings
    return held


def test_sessions_are_listed_and_ended_one_by_one(site: Flask) -> None:
    """SECURITY 22, B5, C-43."""
    someone = registered(site)
    other = Browser(site)
    other.sign_in(someone.login, LONG)
    page = someone.browser.get("/account/sessions").text
    (found,) = set(re.findall(r"/account/sessions/([0-9a-f-]{36})/end", page))
    answer = someone.browser.post(f"/account/sessions/{found}/end", page="/account/sessions")
    assert answer.status_code == 303
    assert other.get("/account/sessions").status_code == 302
    assert someone.browser.get("/account/sessions").status_code == 200


def test_a_password_change_ends_every_other_session(site: Flask) -> None:
    """SECURITY 22, C-43: and gives this one a new token."""
    someone = registered(site)
    other = Browser(site)
    other.sign_in(someone.login, LONG)
    before = someone.browser.cookie(HERE)
    answer = someone.browser.post(
        "/account/password", password=LONG, new_password="violet harbour tangerine"
    )
    assert answer.status_code == 303
    assert someone.browser.cookie(HERE) != before
    assert other.get("/account/sessions").status_code == 302
    assert someone.browser.get("/account/sessions").status_code == 200


def test_cookies_over_tls_are_host_bound(settings: Settings) -> None:
    """C-44, SECURITY 23: ``__Host-``, Secure, HttpOnly, SameSite, no Domain; HSTS with it."""
    from heyan import create_app

    secure = dataclasses.replace(quick(settings), base_url="https://localhost")
    client = create_app(secure).test_client()
    shown = client.get("/account/login", base_url="https://localhost")
    (cookie,) = shown.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-heyan_form=")
    for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=Strict"):
        assert flag in cookie
    assert "Domain" not in cookie
    assert "max-age=63072000" in shown.headers["Strict-Transport-Security"]


def test_a_session_cookie_is_lax_and_hidden_from_scripts(site: Flask) -> None:
    """SECURITY 23, C-44: nothing personal inside."""
    someone = registered(site)
    answer = Browser(site).sign_in(someone.login, LONG)
    cookies = {line.split("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    assert "HttpOnly" in cookies[HERE]
    assert "SameSite=Lax" in cookies[HERE]
    assert "Max-Age" not in cookies[HERE]
    assert someone.login not in str(cookies)
