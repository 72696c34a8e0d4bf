"""Counting visits: nothing before a choice, nothing after a refusal, sums without people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from heyan.access import Role
from heyan.usage.device import device_of, network_of, system_of
from tests.accounts import Browser
from tests.conftest import Clock
from tests.enrolment import World
from tests.staff import colleague
from uploads_worker import usage
from uploads_worker.context import Context

HONOR = (
    "Mozilla/5.0 (Linux; Android 12; zh-cn; ANY-AN00 Build/HONORANY) AppleWebKit/537.36"
    " Chrome/114.0 Mobile Safari/537.36"
)
SIGNALS: list[dict[str, str]] = [{"DNT": "1"}, {"Sec-GPC": "1"}]


def hits(world: World) -> int:
    return int(world.rows("SELECT count(*) FROM usage_hits")[0][0])


def choose(browser: Browser, usage: str) -> Any:
    return browser.post("/privacy/cookies/choice", page="/privacy/cookies", usage=usage, next="/")


def asked(browser: Browser, **headers: str) -> bool:
    sent = browser.client.get("/", headers={"User-Agent": browser.agent, **headers})
    return "choice-bar" in sent.text


def test_nothing_is_counted_or_set_before_a_choice(world: World) -> None:
    """F2, F3, S-036, S-037, S-038: the first visit asks once, sets nothing, keeps nothing."""
    browser, before = Browser(world.app), hits(world)
    answer = browser.get("/")
    assert "Set-Cookie" not in answer.headers
    assert "只用必要的" in answer.text
    assert "同意统计" in answer.text
    sent = browser.post("/usage/click", page="/privacy/cookies", click="enrol")
    assert sent.status_code == 204
    assert hits(world) == before


def test_refusing_is_one_press_and_is_not_asked_again(world: World) -> None:
    """F2, L-10, S-003: the refusal is remembered by a cookie that holds nothing else."""
    browser, before = Browser(world.app), hits(world)
    refused = choose(browser, "no")
    assert refused.status_code == 303
    assert browser.cookie("heyan_choice") == "no"
    assert browser.cookie("heyan_usage") is None
    assert not asked(browser)
    browser.get("/events")
    assert hits(world) == before
    records = "SELECT count(*) FROM consent_records WHERE purpose = 'analytics' AND NOT granted"
    assert world.rows(records)[0][0] == 0


def test_after_agreeing_pages_and_buttons_are_counted_without_an_account(world: World) -> None:
    """F3, A7, S-037, S-039: device, system, network and page; no account, no address, a consent."""
    browser = Browser(world.app, address="203.0.113.77", agent=HONOR)
    before = hits(world)
    choose(browser, "yes")
    assert not asked(browser)
    browser.get("/")
    browser.get("/events")
    browser.post("/usage/click", page="/privacy/cookies", click="enrol")
    # Neither a page of somebody's own nor a name that nobody knows is counted.
    browser.get("/registrations")
    browser.client.post("/usage/click", data={"page": "x", "click": "y"})
    pages = world.rows(
        "SELECT kind, page, click, system FROM usage_hits ORDER BY id DESC LIMIT :n",
        n=hits(world) - before,
    )
    assert {tuple(row) for row in pages} == {
        ("view", "public.home", "", "Android"),
        ("view", "events.index", "", "Android"),
        ("view", "policies.cookies", "", "Android"),
    }
    given = world.rows(
        "SELECT granted, account_id, lead_id, text_shown FROM consent_records"
        " WHERE purpose = 'analytics' ORDER BY at DESC LIMIT 1"
    )[0]
    assert given[:3] == (True, None, None)
    assert "180" in given[3]


def test_a_button_on_a_known_page_is_counted(world: World) -> None:
    """F3, S-038."""
    browser = Browser(world.app)
    choose(browser, "yes")
    token = browser.token("/events")
    before = world.rows("SELECT count(*) FROM usage_hits WHERE kind = 'click'")[0][0]
    for pressed in ("enrol", "steal"):
        sent = browser.client.post(
            "/usage/click", data={"csrf_token": token, "page": "events.show", "click": pressed}
        )
        assert sent.status_code == 204
    assert world.rows("SELECT count(*) FROM usage_hits WHERE kind = 'click'")[0][0] == before + 1


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_browser_that_says_no_is_believed_after_an_earlier_yes(
    world: World, signal: dict[str, str]
) -> None:
    """S-042, F2: with DNT or GPC there is no question and no row, whatever was agreed before."""
    assert not asked(Browser(world.app), **signal)
    browser = Browser(world.app)
    choose(browser, "yes")
    browser.get("/")
    before = hits(world)
    answer = browser.client.get("/", headers=signal)
    assert "data-usage-url" not in answer.text
    assert hits(world) == before
    assert "视为拒绝" in browser.client.get("/privacy/cookies", headers=signal).text


def test_changing_ones_mind_removes_what_was_counted(world: World) -> None:
    """S-041, G3: the cookie goes, the rows go, the withdrawal stands in the ledger."""
    browser, others = Browser(world.app), hits(world)
    choose(browser, "yes")
    browser.get("/")
    assert hits(world) > others
    answer = choose(browser, "no")
    assert any("heyan_usage=;" in line for line in answer.headers.getlist("Set-Cookie"))
    assert hits(world) == others
    latest = "SELECT granted FROM consent_records WHERE purpose = 'analytics' ORDER BY at DESC"
    assert world.rows(latest)[0][0] is False


def test_a_made_up_or_ended_token_counts_nothing(world: World, clock: Clock) -> None:
    """A6: the standing consent is asked for, not the cookie believed."""
    browser, before = Browser(world.app), hits(world)
    browser.client.set_cookie("heyan_usage", "A" * 22)
    browser.get("/")
    assert hits(world) == before
    agreed = Browser(world.app)
    choose(agreed, "yes")
    agreed.get("/")
    after = hits(world)
    clock.move(timedelta(days=181))
    agreed.get("/")
    assert hits(world) == after


def test_days_are_added_up_small_numbers_hidden_and_rows_deleted(
    world: World, context: Context, clock: Clock
) -> None:
    """F3, S-038, S-039: sums for staff, "other" for what fewer than five did, rows gone in time."""
    for _one in range(6):
        browser = Browser(world.app)
        choose(browser, "yes")
        browser.get("/contact")
    lonely = Browser(world.app, agent=HONOR)
    choose(lonely, "yes")
    lonely.get("/events")
    clock.move(timedelta(days=1))
    assert usage.add_up(context) >= 1
    assert usage.add_up(context) == 0
    sums = {
        (dimension, name): (count, people)
        for dimension, name, count, people in world.rows(
            "SELECT dimension, name, hits, visitors FROM usage_sums"
        )
    }
    assert sums["page", "public.contact"][1] >= 6
    assert ("device", "ANY-AN00") not in sums
    assert sums["device", "other"][0] >= 1
    officer = colleague(world, Role.PRIVACY_OFFICER)
    page = officer.client.get("/staff/usage").text
    assert "联系我们" in page
    assert "ANY-AN00" not in page
    assert colleague(world, Role.SERVICE).client.get("/staff/usage").status_code == 403
    clock.move(timedelta(days=180))
    assert usage.expire(context) > 0
    assert hits(world) == 0
    assert world.rows("SELECT count(*) FROM usage_visitors")[0][0] == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("nonsense", ""),
    ],
)
def test_addresses_are_cut_to_their_network(address: str, network: str) -> None:
    """S-037, F3."""
    assert network_of(address) == network


def test_devices_are_named_by_model_or_family() -> None:
    """F3."""
    assert (device_of(HONOR), system_of(HONOR)) == ("ANY-AN00", "Android")
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    assert (device_of(phone), system_of(phone)) == ("iPhone", "iOS")
    assert (device_of("curl/8"), system_of("curl/8")) == ("", "")
