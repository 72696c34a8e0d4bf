"""Reading and leaving a number in a real browser: weights, widths, cookies, no JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.clock import now
from heyan.leads import proof
from heyan.leads.service import phone_index
from heyan.settings import Settings
from tests.accounts import some_phone
from tests.conftest import LiveServer
from tests.public import real_policy

pytestmark = pytest.mark.browser
PAGES = (
    *("/events", "/leads/new", "/leads/thanks", "/privacy", "/privacy/versions"),
    *("/privacy/agreement", "/privacy/cookies"),
)
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def policy(app: Flask, web_engine: Engine, settings: Settings) -> None:
    """The real texts are in force."""
    with Session(web_engine) as session:
        real_policy(app, session, settings)


@pytest.fixture
def context(browser: Any, live_server: LiveServer, policy: None) -> Iterator[Any]:
    """A phone's browser without JavaScript that says Do Not Track."""
    made = browser.new_context(
        base_url=live_server.url,
        locale="zh-CN",
        java_script_enabled=False,
        viewport={"width": 360, "height": 740},
        extra_http_headers={"DNT": "1", "Sec-GPC": "1"},
    )
    yield made
    made.close()


def test_key_passages_are_bold_where_they_are_read(page: Any, policy: None) -> None:
    """S-001, A3: computed weight of at least 600, in the policy and beside the consent."""
    for path, least in (("/privacy", 20), ("/leads/new", 1), ("/privacy/agreement", 3)):
        page.goto(path)
        weights = page.eval_on_selector_all(
            "main strong", "all => all.map((one) => Number(getComputedStyle(one).fontWeight))"
        )
        assert len(weights) >= least, path
        assert min(weights) >= 600, path


def test_no_page_is_wider_than_a_phone_or_asks_anyone_else(page: Any, policy: None) -> None:
    """UX, S-017, S-043: 320 px and up, in both schemes; every request goes to this site."""
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            for path in PAGES:
                page.goto(path)
                assert not page.evaluate(TOO_WIDE), (path, width)
    assert asked == {urlsplit(page.url).netloc}
    assert page.context.cookies() == []


def test_a_number_is_left_without_javascript_and_without_a_cookie(
    context: Any, settings: Settings, web_engine: Engine
) -> None:
    """B2, F4, S-040: errors keep what was typed; then it arrives; no cookie was ever set."""
    page, phone = context.new_page(), some_phone()
    page.goto("/leads/new")
    page.fill("[name=name]", "王女士")
    page.fill("[name=phone]", phone[:10])
    page.check("[name=consent]")
    page.click("form.lead-form button")
    assert "手机号应为 11 位" in page.inner_text("main")
    assert page.input_value("[name=name]") == "王女士"
    page.fill("[name=phone]", phone)
    page.check("[name=consent]")
    page.click("form.lead-form button")
    assert urlsplit(page.url).path == "/leads/thanks"
    assert context.cookies() == []
    with web_engine.connect() as connection:
        count = connection.execute(
            text("SELECT count(*) FROM leads WHERE phone_index = :i"),
            {"i": phone_index("+86" + phone)},
        ).scalar_one()
    assert count == 1


def test_the_browser_finds_what_the_server_accepts(
    page: Any, policy: None, settings: Settings
) -> None:
    """C-60: the page's script solves a challenge as the server checks it."""
    challenge = proof.issue(settings.secret_key, 10, now())
    page.goto("/leads/new")
    answer = page.evaluate(
        "async ([salt, bits]) => (await import('/static/js/lead-proof.js')).solve(salt, bits)",
        [challenge.salt, challenge.bits],
    )
    assert proof.solved(challenge, answer)
    assert not proof.solved(challenge, answer + "1")
