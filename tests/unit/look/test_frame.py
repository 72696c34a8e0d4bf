"""The frame of every page: languages, navigation, what search engines may keep, error pages."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from heyan.app import build
from heyan.notifications.service import notify
from heyan.public.views import CONTACT_HOLDS
from tests.enrolment import Person, World
from tests.look import Read


@pytest.fixture
def visitor(world: World) -> FlaskClient:
    """A visitor without cookies."""
    return world.app.test_client()


def test_the_language_switch_keeps_the_page(visitor: FlaskClient) -> None:
    """UX: the switch keeps the page, with what was asked for in its address."""
    page = visitor.get("/events?kind=exam")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)[-1]
    chosen = {"csrf_token": token, "next": "/events?kind=exam", "lang": "en"}
    sent = visitor.post("/language", data=chosen)
    assert sent.headers["Location"] == "/events?kind=exam&lang=en"
    assert '<html lang="en">' in visitor.get(sent.headers["Location"]).text


def test_each_public_page_names_itself_in_both_languages(visitor: FlaskClient) -> None:
    page = visitor.get("/contact?lang=en")
    assert re.search(r'hreflang="zh-CN" href="[^"]+/contact"', page.text)
    assert re.search(r'hreflang="en" href="[^"]+/contact\?lang=en"', page.text)


@pytest.mark.parametrize("asked", ["endpoint=x", "_external=1&_anchor=a", "_method=POST", "self=1"])
def test_no_name_in_the_address_upsets_the_frame(visitor: FlaskClient, asked: str) -> None:
    assert visitor.get(f"/contact?{asked}").status_code == 200


def test_only_public_pages_are_left_to_search_engines(visitor: FlaskClient, person: Person) -> None:
    assert "noindex" not in visitor.get("/contact").text
    for page in (person.get("/students"), person.get("/contact"), visitor.get("/nowhere")):
        assert '<meta name="robots" content="noindex">' in page.text
    robots = visitor.get("/robots.txt").text
    assert "Disallow: /registrations" in robots
    assert "/sitemap.xml" in robots


def test_security_txt_says_whom_to_write_to(visitor: FlaskClient) -> None:
    """L-29, RFC 9116: a contact, and an end within a year."""
    text = visitor.get("/.well-known/security.txt").text
    assert text.startswith("Contact: ")
    assert "\nExpires: " in text
    assert CONTACT_HOLDS.days < 365


def test_notices_say_what_happened_until_they_are_read(world: World, person: Person) -> None:
    with world.session() as session:
        notify(session, person.account_id, "document_returned")
        notify(session, person.account_id, "something_new")
        session.commit()
    page = person.get("/me/notices").text
    assert "一份材料被退回" in page
    assert "您的报名有新的进展" in page
    assert 'class="count">2' in page
    person.post("/me/notices/read", page="/me/notices")
    assert 'class="count"' not in person.get("/me/notices").text


def test_asking_about_the_session_tells_how_long_it_lives(
    visitor: FlaskClient, person: Person
) -> None:
    assert visitor.get("/session").json == {"seconds": 0}
    left: Any = person.get("/session").json
    assert 0 < left["seconds"] <= 3600


def test_an_error_page_has_a_number_to_quote(visitor: FlaskClient) -> None:
    """C-73, SECURITY 40, STYLE 16: what happened, what to do, a number; never a trace."""
    page = visitor.get("/nowhere")
    assert page.status_code == 404
    assert Read(page.text).faults == []
    assert re.search(r"问题编号 <strong class=\"mono\">[0-9a-f]{16}<", page.text)
    answer = visitor.get("/nowhere", headers={"Accept": "application/json"})
    assert set(answer.json or {}) == {"error", "advice", "number"}


def test_without_a_database_a_page_says_so_instead_of_failing(world: World, person: Person) -> None:
    """C-73, SECURITY 50: the error page needs neither the database nor a person."""
    gone = world.settings.database_url.rsplit("@", 1)[0] + "@127.0.0.1:9/none?connect_timeout=2"
    app = build(dataclasses.replace(world.settings, database_url=gone))
    for client in (app.test_client(), app.test_client()):
        page = client.get("/")
        assert page.status_code == 503
        assert page.headers["Retry-After"]
        assert Read(page.text).faults == []
    signed_in = app.test_client()
    signed_in.set_cookie("heyan_session", person.token, domain="localhost")
    page = signed_in.get("/students")
    assert page.status_code == 503
    assert "您的操作没有生效" in page.text
    assert signed_in.get("/healthz").status_code in (200, 503)
