"""Leaving a number to be called back: open to all, with consent, bounded."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from heyan.app import build
from heyan.clock import now
from heyan.leads.service import phone_index
from tests.accounts import Browser, some_phone
from tests.enrolment import World, words_of
from tests.public import leave


def rows_of(world: World, phone: str) -> list[Any]:
    """The leads of a number, as the database's owner sees them."""
    return world.rows(
        "SELECT id, status, times_asked, event_id, call_time FROM leads WHERE phone_index = :i",
        i=phone_index("+86" + phone),
    )


def test_a_name_and_a_number_are_enough_and_no_cookie_is_set(
    world: World, browser: Browser
) -> None:
    """B2, F4, S-018: two fields and a consent; the address of the answer says nothing."""
    phone = some_phone()
    sent = leave(browser, phone)
    assert sent.status_code == 303
    assert sent.headers["Location"] == "/leads/thanks"
    assert "Set-Cookie" not in sent.headers
    thanks = browser.get("/leads/thanks")
    assert thanks.status_code == 200
    assert phone not in thanks.text
    assert [row.status for row in rows_of(world, phone)] == ["open"]


@pytest.mark.parametrize("written", ["{0}", "+86 {0}", "0086{0}", " {1} "])
def test_a_number_may_be_written_in_many_ways(world: World, browser: Browser, written: str) -> None:
    """B2: blanks, country code and full-width digits are understood."""
    phone = some_phone()
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in phone)
    assert leave(browser, written.format(phone, wide)).status_code == 303
    assert len(rows_of(world, phone)) == 1


def test_a_wrong_number_is_explained_beside_the_field_and_nothing_is_cleared(
    browser: Browser,
) -> None:
    """S-018, UX: what was typed stays; the error names what is wrong and is linked."""
    sent = leave(browser, "1380013800", name="王<b>女士", call_time="evening")
    assert sent.status_code == 422
    assert "手机号应为 11 位，现在是 10 位" in sent.text
    assert 'value="1380013800"' in sent.text
    assert html.escape("王<b>女士") in sent.text
    assert '<a href="#lead-phone">' in sent.text
    assert re.search(r'<option selected value="evening"', sent.text)


@pytest.mark.parametrize("consent", [{"consent": ""}, {"consent": "false"}])
def test_without_consent_nothing_is_kept(
    world: World, browser: Browser, consent: dict[str, str]
) -> None:
    """A1, S-003, S-004: the box is never ticked beforehand; without it 422 and no row."""
    page = browser.get("/leads/new")
    assert not re.search(r'<input[^>]*name="consent"[^>]*checked', page.text)
    phone = some_phone()
    sent = leave(browser, phone, **consent)
    assert sent.status_code == 422
    assert rows_of(world, phone) == []
    assert not re.search(r'<input[^>]*name="consent"[^>]*checked', sent.text)


def test_refusing_is_as_easy_and_says_what_follows(browser: Browser) -> None:
    """S-003, S-008, A5: a button of the same size, and the consequence before it."""
    page = browser.get("/leads/new").text
    assert re.search(r'<a class="button button-plain button-wide" href="/">', page)
    assert "不同意则无法给您回电" in page
    assert 'href="/privacy"' in page


def test_the_ledger_keeps_exactly_what_was_shown(world: World, browser: Browser) -> None:
    """A2, S-004: subject, purpose, version, digest and the words beside the box."""
    phone = some_phone()
    page = words_of(browser.get("/leads/new"))
    leave(browser, phone)
    (lead,) = rows_of(world, phone)
    (row,) = world.rows(
        "SELECT purpose, granted, policy_version, policy_sha256, text_shown FROM consent_records"
        " WHERE lead_id = :i",
        i=lead.id,
    )
    assert (row.purpose, row.granted) == ("lead_callback", True)
    assert row.text_shown in page.replace(" ", "").replace("90天", "90 天")
    version = world.rows(
        "SELECT content_sha256 FROM policy_versions WHERE kind = 'privacy' AND version = :v",
        v=row.policy_version,
    )
    assert version[0].content_sha256 == row.policy_sha256


def test_more_than_the_form_asks_is_ignored(world: World, browser: Browser) -> None:
    """S-012: unknown keys, unknown events and unknown times change nothing."""
    phone = some_phone()
    more = {"status": "closed", "assigned_to": "x", "id_number": "110105"}
    assert leave(browser, phone, event="none", call_time="now", **more).status_code == 303
    (row,) = rows_of(world, phone)
    assert (row.status, row.event_id, row.call_time) == ("open", None, "any")


def test_an_event_is_chosen_beforehand_from_its_page(world: World, browser: Browser) -> None:
    """B2: the event's page leads to the form with the event chosen."""
    event = world.event(closes_at=now() + timedelta(hours=1))
    page = browser.get(f"/leads/new?event={event.slug}")
    assert re.search(rf'<option selected value="{event.slug}"', page.text)
    phone = some_phone()
    leave(browser, phone, event=event.slug)
    assert rows_of(world, phone)[0].event_id == event.id


def test_a_repeat_updates_the_open_lead(world: World) -> None:
    """B2, CONTROLS 5: one open lead a number; each consent is on record."""
    phone = some_phone()
    leave(Browser(world.app), phone)
    leave(Browser(world.app), phone, call_time="evening")
    (row,) = rows_of(world, phone)
    assert (row.times_asked, row.call_time) == (2, "evening")
    assert len(world.rows("SELECT 1 FROM consent_records WHERE lead_id = :i", i=row.id)) == 2


def test_repeats_that_race_leave_one_lead(world: World) -> None:
    """B2: four at once for one number."""
    phone = some_phone()
    browsers = [Browser(world.app) for _number in range(4)]
    tokens = [browser.token("/leads/new") for browser in browsers]
    answers: list[int] = []

    def send(browser: Browser, token: str) -> None:
        sent = browser.client.post(
            "/leads/new",
            data={"csrf_token": token, "name": "李", "phone": phone, "consent": "y"},
            environ_base={"REMOTE_ADDR": browser.address},
        )
        answers.append(sent.status_code)

    threads = [
        threading.Thread(target=send, args=pair) for pair in zip(browsers, tokens, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    assert [row.times_asked for row in rows_of(world, phone)] == [4]


def test_a_program_that_fills_every_field_is_thanked_and_forgotten(
    world: World, browser: Browser
) -> None:
    """C-60: the field that nobody sees."""
    phone = some_phone()
    assert leave(browser, phone, website="https://example.com").status_code == 303
    assert rows_of(world, phone) == []


def test_a_form_from_another_site_is_refused(world: World, browser: Browser) -> None:
    """C-53: no token, or another site's request: 403 and no row."""
    phone = some_phone()
    data = {"name": "王", "phone": phone, "consent": "y"}
    where = {"environ_base": {"REMOTE_ADDR": browser.address}}
    assert browser.client.post("/leads/new", data=data, **where).status_code == 403
    data["csrf_token"] = browser.token("/leads/new")
    sent = browser.client.post(
        "/leads/new", data=data, headers={"Sec-Fetch-Site": "cross-site"}, **where
    )
    assert sent.status_code == 403
    assert rows_of(world, phone) == []


def test_a_flood_from_one_source_stops_at_its_limit_and_harms_nobody(world: World) -> None:
    """C-60, SECURITY 41 (shortened): five an hour from one source; another source is served."""
    flooding, phones = Browser(world.app), [some_phone() for _number in range(20)]
    token = flooding.token("/leads/new")
    answers = [
        flooding.client.post(
            "/leads/new",
            data={"csrf_token": token, "name": "洪", "phone": phone, "consent": "y"},
            environ_base={"REMOTE_ADDR": flooding.address},
        )
        for phone in phones
    ]
    assert [sent.status_code for sent in answers] == [303] * 5 + [429] * 15
    refused = answers[-1]
    assert int(refused.headers["Retry-After"]) > 0
    assert f'value="{phones[-1]}"' in refused.text
    assert world.settings.hotline in refused.text
    assert sum(len(rows_of(world, phone)) for phone in phones) == 5
    assert leave(Browser(world.app)).status_code == 303


@pytest.fixture
def crowded(world: World) -> Flask:
    """The site, in a minute in which ten leads have come in already."""
    settings = dataclasses.replace(world.settings, lead_site_per_minute=10, lead_proof_bits=8)
    app = build(settings)
    for _number in range(12):
        leave(Browser(app))
    return app


def challenge_on(page: str) -> str:
    """The challenge that the form carries."""
    found = re.search(r'name="proof" value="([^"]+)"', page)
    assert found
    return found[1]


def work(challenge: str) -> str:
    """Find the answer as the page's script does."""
    _issued, bits, salt, _mac = challenge.split(".")
    number = 0
    while True:
        digest = hashlib.sha256(f"{salt}.{number}".encode()).digest()
        if int.from_bytes(digest, "big") >> (256 - int(bits)) == 0:
            return str(number)
        number += 1


def test_a_crowded_minute_asks_for_work_once_per_lead(world: World, crowded: Flask) -> None:
    """C-60, CONTROLS 5: work above the site's rate; an answer is good once."""
    phone, browser = some_phone(), Browser(crowded)
    asked = leave(browser, phone)
    assert asked.status_code == 429
    assert f'value="{phone}"' in asked.text
    challenge = challenge_on(asked.text)
    answer = work(challenge)
    assert leave(browser, phone, proof=challenge, answer="x").status_code == 429
    assert rows_of(world, phone) == []
    assert leave(browser, phone, proof=challenge, answer=answer).status_code == 303
    other = some_phone()
    again = leave(Browser(crowded), other, proof=challenge, answer=answer)
    assert again.status_code == 429
    forged = leave(Browser(crowded), other, proof=challenge[:-1] + "0", answer=answer)
    assert forged.status_code == 429
    assert rows_of(world, other) == []


def test_without_javascript_a_minute_of_patience_does(
    world: World, crowded: Flask, clock: Any
) -> None:
    """C-60, UX: works without JavaScript, by waiting as the page asks."""
    phone, browser = some_phone(), Browser(crowded)
    asked = leave(browser, phone)
    assert "请等一分钟" in asked.text
    ticket = challenge_on(asked.text)
    clock.move(timedelta(seconds=61))
    for _number in range(11):
        leave(Browser(crowded))
    assert leave(browser, phone, proof=ticket).status_code == 303
    assert len(rows_of(world, phone)) == 1


def test_looking_at_the_form_with_head_sends_nothing(world: World, browser: Browser) -> None:
    """A link checker's HEAD is a look, not a lead."""
    assert browser.client.head("/leads/new").status_code == 200
