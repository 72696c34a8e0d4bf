"""axe and a validator's eye on the public texts and on the staff queue, with errors too."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.access import Role, Scenario
from heyan.app import build
from heyan.policies.models import PolicyKind
from heyan.settings import Settings
from tests.accounts import Browser, let_in, quick
from tests.approvals import grant
from tests.conftest import LiveServer
from tests.look import Read, findings
from tests.public import leave, real_policy

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def addresses(app: Flask, web_engine: Engine, settings: Settings) -> list[str]:
    """Pages that anyone may read, two versions to compare among them."""
    with Session(web_engine, expire_on_commit=False) as session:
        one, other = (real_policy(app, session, settings, court=name) for name in ("甲", "乙"))
    before, after = (each[PolicyKind.PRIVACY].version for each in (one, other))
    return [
        *("/events", "/events?when=past", "/events?q=nothing", "/leads/thanks"),
        *("/privacy/versions", "/privacy/agreement"),
        f"/privacy/versions/privacy/compare?before={before}&after={after}",
    ]


def faults_of(page: Any, schemes: tuple[str, ...] = ("light", "dark")) -> list[str]:
    """What is wrong with the page as it stands, at a phone's width, in both schemes."""
    found = list(Read(page.content()).faults)
    page.set_viewport_size({"width": 360, "height": 740})
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        found += findings(page)
    return found


def test_public_texts_have_no_finding(page: Any, addresses: list[str]) -> None:
    """WCAG 2.2 AA by axe, one of each id, every control with its label."""
    for path in addresses:
        page.goto(path)
        # The colours of a comparison are its own; the rest is seen in dark elsewhere.
        schemes = ("light", "dark") if "compare" in path else ("light",)
        assert faults_of(page, schemes) == [], path


def test_the_form_has_no_finding_with_errors_and_when_refused(
    page: Any, addresses: list[str]
) -> None:
    """UX: the summary and each field's error are found by assistive technology."""
    page.goto("/leads/new")
    page.fill("[name=phone]", "123")
    page.check("[name=consent]")
    page.click("form.lead-form button[type=submit]")
    assert page.locator(".error-summary").count() == 1
    assert faults_of(page) == []


def test_the_staff_queue_has_no_finding(
    browser: Any, live_server: LiveServer, web_engine: Engine, settings: Settings, addresses: None
) -> None:
    """The same for the clerk's pages, a revealed number and a missing outcome included."""
    site = build(quick(dataclasses.replace(settings, call_from_hour=0, call_until_hour=24)))
    assert leave(Browser(site)).status_code == 303
    with Session(web_engine, expire_on_commit=False) as session:
        clerk = let_in(site, session, roles=(Role.SERVICE,))
        grant(session, Role.SERVICE, Scenario.LEADS)
    token = clerk.browser.cookie("heyan_session")
    context = browser.new_context(base_url=live_server.url, locale="zh-CN")
    context.add_cookies([{"name": "heyan_session", "value": token, "url": live_server.url}])
    page = context.new_page()
    page.goto("/staff/leads")
    assert faults_of(page) == []
    page.click("tbody a")
    assert faults_of(page) == []
    page.select_option("[name=reason]", "correct")
    page.click("form[action$=reveal] button")
    assert page.locator("a[href^='tel:+86']").count() == 1
    assert faults_of(page) == []
    page.click("form[action$=outcome] button")
    assert page.locator(".error-summary").count() == 1
    assert faults_of(page) == []
    context.close()
