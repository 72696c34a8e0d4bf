"""No cookie, no third party, no tracking: for every page that anyone may read."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.routing import Rule

from heyan.access import requirement_of
from heyan.cookies import COOKIES
from tests.accounts import LONG, Browser, some_phone
from tests.enrolment import World
from tests.public import leave

SITE = Path(__file__).parents[3] / "site" / "heyan"
SIGNALS = ({}, {"DNT": "1"}, {"Sec-GPC": "1"})
# Pages with a form that signs in: these may set the form's cookie, nothing else may.
DOORS = ("/account/", "/staff/login", "/organizer/login", "/staff/code", "/organizer/code")
# Links that the law asks for; a link is followed by people, not by the page.
FILINGS = {"beian.miit.gov.cn", "beian.mps.gov.cn"}


def open_pages(world: World) -> list[str]:
    """Addresses of all pages that need no account and have no argument, and one event's."""
    rules: list[Rule] = list(world.app.url_map.iter_rules())
    found = []
    for rule in rules:
        view = world.app.view_functions[rule.endpoint]
        needed = requirement_of(view)
        if needed is None or needed.permission is not None or rule.arguments:
            continue
        if "GET" in (rule.methods or ()):
            found.append(rule.rule)
    return [*found, f"/events/{world.event().slug}"]


@pytest.mark.parametrize("signal", SIGNALS)
def test_reading_sets_no_cookie_and_calls_nobody(world: World, signal: dict[str, str]) -> None:
    """B1, F2, S-017, S-036, S-042, S-043: with and without DNT or GPC, the same: nothing."""
    for path in open_pages(world):
        client = world.app.test_client()
        sent = client.get(path, headers=signal)
        if not path.startswith(DOORS):
            assert "Set-Cookie" not in sent.headers, path
        for tag, address in re.findall(
            r"<(link|script|img|iframe|source|form|a)\b[^>]*?(?:src|href|action)=\"([^\"]+)\"",
            sent.text,
        ):
            host = urlsplit(address).netloc
            own = urlsplit(world.settings.base_url).netloc
            assert host in ("", own, "localhost") or (tag == "a" and host in FILINGS), (path, host)


def test_every_cookie_is_in_the_list(world: World) -> None:
    """F1, S-035: whatever a person does, each Set-Cookie is one that the cookie page names."""
    browser, phone = Browser(world.app), some_phone()
    known = {cookie.key for cookie in COOKIES}
    answers = [
        browser.get("/account/login"),
        browser.register(phone, LONG),
        browser.sign_in(phone, LONG),
        browser.get("/registrations"),
        browser.post("/language", page="/", lang="en", next="/"),
        leave(browser),
        browser.post("/account/logout", page="/account/sessions"),
    ]
    names = {
        line.partition("=")[0].removeprefix("__Host-")
        for sent in answers
        for line in sent.headers.getlist("Set-Cookie")
    }
    assert names
    assert names <= known


def test_no_other_code_sets_a_cookie() -> None:
    """F1: one module sets cookies, from the list; anything else fails here."""
    callers = {
        str(source.relative_to(SITE))
        for source in SITE.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("set_cookie", "delete_cookie")
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "cookies")
    }
    assert callers == {"cookies.py"}


def test_the_preference_cookie_comes_only_after_a_choice(world: World) -> None:
    """F2, S-036: a language in the address is not a choice to keep; the button is."""
    browser = Browser(world.app)
    assert "Set-Cookie" not in browser.get("/?lang=en").headers
    chosen = browser.post("/language", page="/", lang="en", next="/events")
    assert "heyan_lang" in chosen.headers["Set-Cookie"]
    assert chosen.headers["Location"] == "/events?lang=en"


def test_no_script_reads_a_device_or_keeps_anything() -> None:
    """S-037, S-039, F3: no fingerprinting, no storage, no beacon in our own scripts."""
    folder = SITE.parents[1] / "static" / "js"
    banned = re.compile(
        r"localStorage|sessionStorage|indexedDB|sendBeacon|getContext\(.webgl|toDataURL"
        r"|navigator\.(plugins|hardwareConcurrency|deviceMemory)|document\.cookie"
    )
    for script in folder.rglob("*.js"):
        assert not banned.search(script.read_text("utf-8")), script.name
