"""The pages of staff and organizers, for everyone who works with them (WCAG 2.2 AA).

In English: longer words break layouts first, and the organizer's own tests read Chinese.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from heyan.access import Realm, Role, requirement_of
from heyan.audit.service import ChainState
from heyan.organizations.models import Organization
from heyan.releases import recipients
from tests.accounts import let_in
from tests.enrolment import World
from tests.journeys.look.looking import check, checked, opened
from tests.staff import colleague, organization, proven_recipient

STAFF = (Role.OPERATIONS, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER, Role.SERVICE, Role.AUDITOR)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<=\?).*")
DOWNLOAD = re.compile(r"\.(json|csv|xlsx|txt)$|/(file|manifest)$")
HREFS = "links => links.map((each) => each.getAttribute('href'))"


def _pages(world: World, start: str) -> list[str]:
    """Return the addresses under *start* that need nothing but the right person."""
    rules = world.app.url_map.iter_rules()
    found = [
        str(rule)
        for rule in rules
        if str(rule).startswith(start)
        and "GET" in (rule.methods or ())
        and not rule.arguments
        and (needed := requirement_of(world.app.view_functions[rule.endpoint])) is not None
        and needed.permission is not None
        and not needed.step_up
    ]
    return sorted(set(found))


def _wrong(
    browser: Any, served: str, world: World, role: Role, realm: Realm, seen: set[str]
) -> list[str]:
    """Let someone with *role* in and return what is wrong with the pages open to them."""
    with world.session() as session:
        organization = None
        if realm is Realm.ORGANIZER:
            organization = session.query(Organization.id).limit(1).scalar()
        person = let_in(world.app, session, realm, (role,), organization)
    token = person.browser.cookie("heyan_session") or ""
    wrong: list[str] = []
    with opened(browser, served, token, language="en") as (page, complaints):
        waiting = _pages(world, f"/{realm.value}")
        while waiting:
            path = waiting.pop(0)
            kind = ID.sub("ID", path)
            if kind in seen or not (answer := _page(page, path)):
                continue
            seen.add(kind)
            wrong += checked(page, path, answer)
            # One page of each kind that the page leads to: details, forms, confirmations.
            links = page.eval_on_selector_all("main a[href]", HREFS)
            waiting += [link for link in links if link.startswith(f"/{realm.value}/")]
        return wrong + complaints


def _page(page: Any, path: str) -> Any:
    """Open *path*; return the answer if it is a page that the person may see."""
    if DOWNLOAD.search(path):
        return None
    answer = page.goto(path)
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    return answer if answer.status == 200 and is_page else None


def test_every_list_of_staff_is_for_everyone(browser: Any, served: str, world: World) -> None:
    """UX: axe finds nothing on a role's queue and lists, on a phone and on a desk."""
    world.event()
    seen: set[str] = set()
    wrong: list[str] = []
    for role in STAFF:
        wrong += _wrong(browser, served, world, role, Realm.STAFF, seen)
    assert wrong == []
    assert {"/staff", "/staff/events/ID", "/staff/events/ID/edit"} <= seen
    assert "/staff/organizations/ID" in seen


def test_the_longest_states_fit_a_phone(
    browser: Any, served: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UX: a badge of many words breaks into lines; the page grows no wider than the screen."""
    monkeypatch.setattr(ChainState, "late", property(lambda _chain: True))
    first, second = colleague(world, Role.OPERATIONS), colleague(world, Role.PRIVACY_OFFICER)
    key = proven_recipient(world, organization(world).id)
    with world.session() as session:
        recipients.confirm(session, first.actor, key.id, "phone")
        recipients.approve(session, second.actor, key.id)
    for who, path in (
        (first, f"/staff/recipients/{key.id}"),
        (colleague(world, Role.AUDITOR), "/staff/audit"),
    ):
        with opened(browser, served, who.token, language="en") as (page, complaints):
            assert check(page, path) + complaints == []


@pytest.mark.parametrize("role", [Role.ORGANIZER_OWNER])
def test_every_list_of_an_organizer_is_for_everyone(
    browser: Any, served: str, world: World, role: Role
) -> None:
    """UX: the organizer's home, batches, keys and members."""
    world.event()
    seen: set[str] = set()
    assert _wrong(browser, served, world, role, Realm.ORGANIZER, seen) == []
    assert "/organizer/releases" in seen
