"""The ways through the site: from a role's home every page of its is reached by links and forms.

One walk for each role, as its own person, in English: what is read on the way must be English too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from heyan.access import requirement_of
from heyan.classification import CATEGORIES, mask_name
from heyan.db import Base, EncryptedText
from tests import access
from tests.access import Universe
from tests.enrolment import World
from tests.look import VOID

HOMES = {
    "nobody": "/",
    "student_a": "/registrations",
    "owner_x": "/organizer",
    "member_x": "/organizer",
    **dict.fromkeys(access.STAFF, "/staff"),
}
# Pages to which no link leads, and why.
ELSEWHERE = {
    # Who works here or for an organizer was told the address.
    *("accounts.organizer_login", "accounts.staff_login", "accounts.activate"),
    # Shown after a form was sent, and on the way into a page that asks who is there.
    *("leads.thanks", "resets.by_code", "accounts.step_up"),
    *("rights.number_code",),
    # Offered to whoever has a second factor, or for somebody who has one.
    *("accounts.remove_authenticator", "accounts.sms_factor_off", "accounts.recovery_codes"),
    *("staff_accounts.organizers_lost_factor", "staff_accounts.lost_factor"),
    # Offered for a colleague who was shut out.
    *("staff.enable",),
    # Stand on their thing's page while it waits; a key comes into the queue once it is proven.
    *("staff_agreements.activate", "staff_organizations.approve", "staff_recipients.show"),
    *("staff_approvals.decide",),
    *("staff_recipients.confirm", "staff_recipients.approve", "staff_recipients.reject"),
    # Found by number; no list of everybody's accounts is given.
    *("staff_assistance.show", "staff_assistance.ask", "staff_assistance.freeze"),
    *("staff_contacts.account_history",),
}
# A list is read with so many of its filters, a page of one thing for so many things.
VISITS = 4
CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff01-\uff09\uff0b-\uffef]")
SAID = {"aria-label", "alt", "placeholder", "title", "data-reveal", "data-conceal"}


class Page(HTMLParser):
    """Where a page leads (links, and what its forms send to), and what it says in Chinese."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.to: set[str] = set()
        self.chinese: list[str] = []
        self.open: list[bool] = []
        self.feed(words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an address, and words that stand in attributes."""
        given = {name: value or "" for name, value in attrs}
        found = given.get({"a": "href", "form": "action"}.get(tag, ""))
        if found and urlsplit(found).netloc == "":
            self.to.add(found.partition("#")[0])
        # What says of itself that it is Chinese is meant to be; the whole page does not.
        meant = bool(self.open and self.open[-1])
        meant = meant or (tag != "html" and given.get("lang") == "zh-CN")
        if not meant:
            said = (given[name] for name in SAID & set(given))
            self.chinese += [each for each in said if CHINESE.search(each)]
        if tag not in VOID:
            self.open.append(meant)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        """Note words."""
        if CHINESE.search(data) and not self.open[-1] and data.strip() != "核":
            self.chinese.append(data.strip())


@pytest.fixture(scope="module")
def universe(world: World) -> Universe:
    """Everyone, and something of each kind that has a page."""
    return access.build(world)


def pages(universe: Universe, who: str) -> Iterator[Rule]:
    """Yield the routes that *who* may read and that need an account, or all open ones."""
    for rule in universe.world.app.url_map.iter_rules():
        requirement = requirement_of(universe.world.app.view_functions[rule.endpoint])
        needed = requirement.permission if requirement else None
        if "GET" in (rule.methods or ()) and (
            universe.may(who, needed) if needed else who == "nobody"
        ):
            yield rule


@pytest.fixture(scope="module", params=list(HOMES))
def way(universe: Universe, request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    """Who walks, and each page that was seen."""
    return request.param, walked(universe, request.param)


def shows_a_page(universe: Universe, who: str, rule: Rule) -> bool:
    """Tell whether a route shows *who* a page: no file, nothing elsewhere, nothing of another's."""
    answer = universe.clients[who].get(access.address(universe, rule))
    return answer.status_code == 200 and answer.mimetype == "text/html"


def walked(universe: Universe, who: str) -> dict[str, str]:
    """Follow every link from the home of *who*; return each page that was seen, by endpoint."""
    universe.clients[who].set_cookie("heyan_lang", "en", domain="localhost")
    adapter = universe.world.app.url_map.bind("localhost")
    client = universe.clients[who]
    seen: dict[str, str] = {}
    waiting, known = [HOMES[who]], {HOMES[who]}
    visits: dict[str, int] = {}
    while waiting:
        path = waiting.pop(0)
        try:
            endpoint, _values = adapter.match(urlsplit(path).path, method="GET")
        except HTTPException:
            continue
        visits[endpoint] = visits.get(endpoint, 0) + 1
        if visits[endpoint] > VISITS:
            continue
        answer = client.get(path)
        if answer.status_code in (302, 303):
            answer = client.get(answer.headers["Location"])
        words = answer.text if answer.mimetype == "text/html" else ""
        seen[endpoint] = seen.get(endpoint, "") + words
        for found in Page(words).to - known:
            known.add(found)
            waiting.append(found)
    return seen


def test_every_page_of_a_role_is_reached_from_its_home(
    universe: Universe, way: tuple[str, dict[str, str]]
) -> None:
    """UX "Staff": each role's home leads, step by step, to each page that the role may read."""
    who, seen = way
    lost = {
        rule.endpoint
        for rule in pages(universe, who)
        if rule.endpoint not in {*seen, *ELSEWHERE} and shows_a_page(universe, who, rule)
    }
    assert not lost, "\n".join(sorted(lost))


def written(world: World) -> list[str]:
    """Return every value of the database with Chinese in it, decrypted, the longest first."""
    found: set[str] = set()
    columns = world.rows(
        "SELECT table_name AS place, column_name AS name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('text', 'character varying', 'jsonb')"
        " AND table_name NOT LIKE 'procrastinate%' AND table_name NOT LIKE 'policy%'"
    )
    for one in columns:
        for row in world.rows(
            f"SELECT DISTINCT {one.name} AS v FROM {one.place}"
            f" WHERE {one.name}::text ~ '[\u4e00-\u9fff]'"
        ):
            found |= set(leaves(row.v))
    # A law is called what it is called.
    found |= {each.floor.citation for each in CATEGORIES if each.floor}
    found |= {each for each in vars(world.settings).values() if isinstance(each, str)}
    with Session(world.owner) as session:
        for mapper in Base.registry.mappers:
            for column in mapper.columns:
                if isinstance(column.type, EncryptedText):
                    found |= {each for each in session.scalars(select(column)) if each}
    found |= {mask_name(each) for each in found if len(each) < 20}
    return sorted(found, key=len, reverse=True)


def leaves(value: Any) -> Iterator[str]:
    """Yield the strings in a value of JSON."""
    if isinstance(value, str):
        yield from (value, *value.splitlines())
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)


def test_an_english_page_says_nothing_in_chinese_but_what_people_wrote(
    universe: Universe, way: tuple[str, dict[str, str]]
) -> None:
    """UX "Must hold": zh-CN and English complete; what is Chinese there stands in the database."""
    data = [each for each in written(universe.world) if CHINESE.search(each)]
    left = []
    for endpoint, words in way[1].items():
        for said in sorted(set(Page(words).chinese)):
            rest = said
            for each in data:
                rest = rest.replace(each, "")
            if CHINESE.search(rest):
                left.append(f"{endpoint}: {rest}")
    assert not left, "\n".join(left)
