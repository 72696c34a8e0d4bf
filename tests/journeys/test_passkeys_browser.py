"""Passkeys in a real browser with a virtual authenticator (Chromium's own WebAuthn)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

import heyan.organizations.models  # noqa: F401 - accounts name its table
from heyan.access import Realm, Role
from heyan.accounts import people
from heyan.audit.service import OPERATOR
from tests.accounts import LONG
from tests.conftest import LiveServer


@pytest.fixture
def keyed(browser: Any, live_server: LiveServer) -> Iterator[Any]:
    """A phone's page whose device has a passkey store with a fingerprint reader.

    Browsers bind no passkey to an address of numbers, so the site is `localhost` here.
    """
    context = browser.new_context(
        base_url=live_server.url.replace("127.0.0.1", "localhost"),
        locale="zh-CN",
        viewport={"width": 360, "height": 740},
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    device = context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    page.device = device
    yield page
    context.close()
    assert faults == []


def invited(session: Session) -> tuple[str, str]:
    """Invite a colleague and return the login name and the code."""
    login = f"w{uuid.uuid4().hex[:10]}"
    issued = people.invite(
        session,
        OPERATOR,
        realm=Realm.STAFF,
        login=login,
        name="周敏",
        roles=(Role.ADMINISTRATOR,),
    )
    return login, issued.code


def enter(page: Any, login: str) -> None:
    """Give name and password at the staff's door."""
    page.goto("/staff/login")
    page.fill("input[name=name]", login)
    page.fill("input[name=password]", LONG)
    page.locator("main form button[type=submit]").first.click()


def test_a_colleague_sets_up_signs_in_and_steps_up_with_a_passkey(
    keyed: Any, db_session: Session
) -> None:
    """I3, C-36, C-45: from the invitation on, without any authenticator application."""
    login, code = invited(db_session)
    keyed.goto("/account/activate")
    keyed.fill("input[name=code]", code)
    keyed.fill("input[name=password]", LONG)
    keyed.locator("main form button[type=submit]").first.click()
    enter(keyed, login)
    keyed.get_by_role("link", name="改用通行密钥").click()
    keyed.fill("input[name=name]", "我的手机")
    keyed.get_by_role("button", name="登记", exact=True).click()
    keyed.get_by_role("heading", name="请现在保存备用码").wait_for()
    assert keyed.locator("ol.codes li").count() == 10
    keyed.get_by_role("link", name="已经保存，继续").click()
    assert keyed.url.endswith("/staff")

    keyed.context.clear_cookies()
    enter(keyed, login)
    keyed.get_by_role("button", name="用通行密钥验证").click()
    keyed.wait_for_url(re.compile(r":\d+/staff$"))
    keyed.goto("/account/passkeys")
    assert "我的手机" in keyed.locator("main").inner_text()

    # The same device again is told so, and stays what it was.
    keyed.goto("/account/passkeys/new")
    keyed.get_by_role("button", name="登记", exact=True).click()
    keyed.get_by_text("已经登记过了").wait_for()


def test_who_cancels_is_told_and_may_use_a_code(keyed: Any, db_session: Session) -> None:
    """UX: a refusal by the device says what to do; the code's field is on the same page."""
    login, code = invited(db_session)
    keyed.goto("/account/activate")
    keyed.fill("input[name=code]", code)
    keyed.fill("input[name=password]", LONG)
    keyed.locator("main form button[type=submit]").first.click()
    enter(keyed, login)
    keyed.get_by_role("link", name="改用通行密钥").click()
    keyed.get_by_role("button", name="登记", exact=True).click()
    codes = keyed.locator("ol.codes li code")
    codes.first.wait_for()
    recovery = codes.first.inner_text()
    keyed.context.clear_cookies()
    keyed.device.send("WebAuthn.disable")
    enter(keyed, login)
    keyed.evaluate(
        "() => { navigator.credentials.get = async () =>"
        " { throw new DOMException('no', 'NotAllowedError'); }; }"
    )
    keyed.get_by_role("button", name="用通行密钥验证").click()
    keyed.get_by_text("没有完成").wait_for()
    keyed.fill("input[name=code]", recovery)
    keyed.get_by_role("button", name="完成登录").click()
    keyed.wait_for_url(re.compile(r":\d+/staff$"))
