"""Second factors: not skipped, not replayed, recovered once (SECURITY 24, 25; C-36 to C-39)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import Realm, Role, requirement_of
from heyan.accounts import people
from heyan.accounts.entry import find
from heyan.accounts.models import RecoveryCode, TotpFactor
from heyan.audit.service import OPERATOR
from heyan.notifications.models import Notice
from tests.accounts import LONG, SHORT, Authenticator, Browser, Someone, let_in, some_phone
from tests.conftest import Clock


@pytest.fixture
def colleague(site: Flask, db_session: Session) -> Someone:
    """A colleague with an authenticator, signed in."""
    return let_in(site, db_session)


def again(someone: Someone, site: Flask) -> Browser:
    """Give the right password on a new browser; the code is owed."""
    browser = Browser(site)
    answer = browser.sign_in(someone.login, someone.password, "/staff/login")
    assert answer.status_code == 303
    assert "/account/code" in answer.location
    return browser


def key(someone: Someone) -> Authenticator:
    """The person's authenticator."""
    assert someone.authenticator
    return someone.authenticator


def test_no_url_is_reached_with_the_password_alone(site: Flask, colleague: Someone) -> None:
    """SECURITY 24, C-36: every staff address, and the own account's too."""
    browser = again(colleague, site)
    reached = []
    for rule in site.url_map.iter_rules():
        path = rule.rule
        if not path.startswith(("/staff", "/account")) or "<" in path or "login" in path:
            continue
        needed = requirement_of(site.view_functions[rule.endpoint])
        if "GET" not in (rule.methods or ()) or needed is None or needed.permission is None:
            continue
        status = browser.get(path).status_code
        asks = (
            "/account/code",
            "/account/authenticator",
            "/account/passkeys/first",
            "/account/sms-factor/first",
        )
        if path not in asks and status != 403:
            reached.append((path, status))
    assert reached == []


def test_setting_up_another_authenticator_is_no_way_around(site: Flask, colleague: Someone) -> None:
    """SECURITY 24: who owes the code cannot replace what it comes from."""
    browser = again(colleague, site)
    answer = browser.get("/account/authenticator")
    assert answer.status_code == 302
    assert "/account/code" in answer.location
    sent = browser.post("/account/authenticator", page="/account/code", code="123456")
    assert sent.status_code in (302, 303, 403)
    assert browser.get("/staff").status_code == 403


def test_the_back_button_leads_to_nothing(site: Flask, colleague: Someone) -> None:
    """SECURITY 24: after signing out, pages are not kept and not reached."""
    shown = colleague.browser.get("/staff")
    assert shown.headers["Cache-Control"] == "no-store"
    colleague.browser.post("/account/logout", page="/staff")
    assert colleague.browser.get("/staff").status_code == 302


def test_a_code_is_good_once(site: Flask, colleague: Someone, clock: Clock) -> None:
    """SECURITY 24, C-37: replayed on another browser in the same half minute."""
    clock.move(timedelta(minutes=2))
    code = key(colleague).code()
    assert again(colleague, site).post("/account/code", code=code).status_code == 303
    assert again(colleague, site).post("/account/code", code=code).status_code == 422


@pytest.mark.parametrize(("steps_ago", "status"), [(0, 303), (1, 303), (2, 422), (-1, 422)])
def test_only_this_step_and_the_one_before(
    site: Flask, colleague: Someone, clock: Clock, steps_ago: int, status: int
) -> None:
    """C-37: step t-2 is refused, and so is one of the future."""
    clock.move(timedelta(minutes=5))
    browser = again(colleague, site)
    code = key(colleague).code(steps_ago=steps_ago)
    assert browser.post("/account/code", code=code).status_code == status


def test_wrong_codes_slow_down_and_are_told(
    site: Flask, colleague: Someone, db_session: Session
) -> None:
    """C-39: a right password with wrong codes reaches the owner."""
    browser = again(colleague, site)
    statuses = [browser.post("/account/code", code="000000").status_code for _ in range(8)]
    assert statuses[0] == 422
    assert 429 in statuses
    told = db_session.scalars(
        select(Notice.kind).where(Notice.account_id == colleague.account_id)
    ).all()
    assert "account_wrong_codes" in told


def test_a_recovery_code_works_once(site: Flask, colleague: Someone) -> None:
    """C-38, SECURITY 25."""
    code = colleague.recovery_codes[0]
    assert again(colleague, site).post("/account/code", code=code.lower()).status_code == 303
    assert again(colleague, site).post("/account/code", code=code).status_code == 422


def test_recovery_codes_are_shown_once_and_stored_hashed(
    colleague: Someone, db_session: Session
) -> None:
    """C-38."""
    for path in ("/account/sessions", "/account/recovery-codes"):
        assert not re.search(r"[0-9A-Z]{5}-[0-9A-Z]{5}", colleague.browser.get(path).text)
    stored = db_session.scalars(
        select(RecoveryCode.code_hash).where(RecoveryCode.account_id == colleague.account_id)
    ).all()
    assert len(stored) == 10
    for code in colleague.recovery_codes:
        assert all(code.replace("-", "").encode() not in bytes(item) for item in stored)


def test_new_recovery_codes_kill_the_old(site: Flask, colleague: Someone) -> None:
    """C-38."""
    answer = colleague.browser.post("/account/recovery-codes")
    assert len(set(re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", answer.text))) == 10
    old = colleague.recovery_codes[3]
    assert again(colleague, site).post("/account/code", code=old).status_code == 422


def test_a_new_browser_is_told(
    site: Flask, colleague: Someone, db_session: Session, clock: Clock
) -> None:
    """B5, C-39."""
    clock.move(timedelta(minutes=2))
    again(colleague, site).post("/account/code", code=key(colleague).code())
    told = db_session.scalars(
        select(Notice.kind).where(Notice.account_id == colleague.account_id)
    ).all()
    assert "account_new_device" in told


def test_a_known_device_is_not_asked_again_but_only_in_public(site: Flask, clock: Clock) -> None:
    """Q16: a second factor on each new device; staff give one every time."""
    browser, phone = Browser(site), some_phone()
    browser.register(phone, SHORT)
    browser.sign_in(phone, SHORT)
    authenticator = Authenticator.from_page(browser.get("/account/authenticator").text)
    browser.post("/account/authenticator", code=authenticator.code())
    browser.post("/account/logout", page="/account/sessions")
    answer = browser.sign_in(phone, SHORT)
    assert "/account/code" not in answer.location
    stranger = Browser(site)
    assert "/account/code" in stranger.sign_in(phone, SHORT).location


def test_an_activation_code_works_once_and_expires(
    site: Flask, db_session: Session, clock: Clock
) -> None:
    """C-33."""

    def invited() -> people.InvitationCode:
        return people.invite(
            db_session,
            OPERATOR,
            realm=Realm.STAFF,
            login=f"p{some_phone()}",
            name="测试员",
            roles=[Role.AUDITOR],
        )

    first = invited()
    assert len(first.code.replace("-", "")) == 16
    browser = Browser(site)
    assert browser.post("/account/activate", code=first.code, password=LONG).status_code == 200
    assert browser.post("/account/activate", code=first.code, password=LONG).status_code == 422
    late = invited()
    clock.move(timedelta(hours=48, seconds=1))
    assert Browser(site).post("/account/activate", code=late.code, password=LONG).status_code == 422


def test_a_new_password_by_code_keeps_the_second_factor(
    site: Flask, db_session: Session, colleague: Someone
) -> None:
    """C-35, SECURITY 24: the reset flow is no way around it, and ends all sessions."""
    assert colleague.account_id
    issued = people.reissue(
        db_session, OPERATOR, realm=Realm.STAFF, account_id=colleague.account_id
    )
    new = "violet harbour tangerine"
    browser = Browser(site)
    assert browser.post("/account/activate", code=issued.code, password=new).status_code == 200
    assert colleague.browser.get("/staff").status_code == 302
    answer = browser.sign_in(colleague.login, new, "/staff/login")
    assert "/account/code" in answer.location
    assert browser.get("/staff").status_code == 403


@pytest.mark.parametrize("door", ["/account/login", "/organizer/login"])
def test_a_colleague_gets_in_through_no_other_door(
    site: Flask, colleague: Someone, door: str
) -> None:
    """C-36: no second door."""
    answer = Browser(site).sign_in(colleague.login, LONG, door)
    assert answer.status_code == 422


def test_the_set_up_page_writes_nothing_and_stays_the_same(
    site: Flask, db_session: Session
) -> None:
    """C-53, SECURITY 32: GET changes nothing; loading again shows what was scanned already."""
    browser, phone = Browser(site), some_phone()
    browser.register(phone, SHORT)
    browser.sign_in(phone, SHORT)
    first = Authenticator.from_page(browser.get("/account/authenticator").text)
    assert Authenticator.from_page(browser.get("/account/authenticator").text) == first
    account = find(db_session, Realm.PUBLIC, f"+86{phone}")
    assert account is not None
    assert db_session.get(TotpFactor, account.id) is None
    elsewhere = Browser(site)
    elsewhere.sign_in(phone, SHORT)
    other = Authenticator.from_page(elsewhere.get("/account/authenticator").text)
    assert other != first
    # Who saw the secret in a session of their own does not hold what the owner takes into use.
    done = browser.post("/account/authenticator", code=first.code())
    assert done.status_code == 200
    answer = Browser(site)
    answer.sign_in(phone, SHORT)
    assert answer.post("/account/code", code=other.code()).status_code == 422


def test_a_new_phone_gets_a_new_secret(site: Flask, colleague: Someone) -> None:
    """C-38: also in the session that set up the old one."""
    browser = colleague.browser
    page = browser.get("/account/authenticator/replace").text
    new = Authenticator.from_page(page)
    assert new.secret != key(colleague).secret
    done = browser.post("/account/authenticator/replace", code=new.code())
    assert done.status_code == 200
    after = Authenticator.from_page(browser.get("/account/authenticator/replace").text)
    assert after.secret not in (new.secret, key(colleague).secret)


def test_a_session_left_open_sets_up_no_authenticator(site: Flask) -> None:
    """C-45, ASVS 7.5.1: the password is asked for first."""
    browser, phone = Browser(site), some_phone()
    browser.register(phone, LONG)
    browser.sign_in(phone, LONG)
    shown = browser.get("/account/authenticator")
    assert shown.location.startswith("/account/authenticator/replace")
    assert browser.get(shown.location).location.startswith("/account/step-up")
    sent = browser.post("/account/authenticator/replace", page="/account/password", code="123456")
    assert sent.status_code == 403
    browser.post("/account/step-up", password=LONG)
    assert browser.get("/account/authenticator/replace").status_code == 200
