"""Every page behind a sign-in, with something on it, for everyone (WCAG 2.2 AA).

In English: longer words break layouts first, and the pages' own tests read Chinese.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask_babel import force_locale

from deploy.local import demo_desks
from deploy.local.demo_people import DemoPerson
from heyan.access import Realm, Role, requirement_of
from heyan.audit.service import ChainState
from heyan.releases import recipients
from tests import access
from tests.access import Universe
from tests.enrolment import World
from tests.journeys.look.looking import check, checked, opened
from tests.staff import colleague, organization, proven_recipient

# Who looks, in the order in which pages are taken: each kind of page is looked at once.
LOOKERS = {
    "staff": ("service", "administrator", "privacy_officer", "operations", "auditor"),
    "organizer": ("owner_x",),
    "account": ("student_a",),
}
DOORS = {"staff": ("/staff",), "organizer": ("/organizer",), "account": ("/me", "/account")}


@pytest.fixture(scope="session")
def universe(world: World) -> Universe:
    """Everyone, something of each kind that has a page, and desks filled as the demonstration's."""
    made = access.build(world)
    staff = {
        role: DemoPerson(made.accounts[role], Realm.STAFF, "", "", "") for role in LOOKERS["staff"]
    }
    student, slug = world.person().account_id, world.event().slug
    with world.session() as session, world.app.app_context(), force_locale("zh_CN"):
        demo_desks.fill(session, world.settings, staff, student, slug)
    return made


def _addresses(universe: Universe, who: str, starts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (endpoint, address) of what *who* may read under *starts*."""
    for rule in universe.world.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not str(rule).startswith(starts):
            continue
        requirement = requirement_of(universe.world.app.view_functions[rule.endpoint])
        needed = requirement.permission if requirement else None
        if needed is not None and universe.may(who, needed):
            yield rule.endpoint, access.address(universe, rule)


@pytest.mark.parametrize("side", list(LOOKERS))
def test_every_page_behind_a_sign_in_is_for_everyone(
    browser: Any, served: str, universe: Universe, side: str
) -> None:
    """C-56, UX: axe finds nothing, on a phone in the light and on a desk in the dark."""
    seen: set[str] = set()
    wrong: list[str] = []
    for who in LOOKERS[side]:
        cookie = universe.clients[who].get_cookie("heyan_session")
        assert cookie
        with opened(browser, served, cookie.value, language="en") as (page, complaints):
            for endpoint, path in _addresses(universe, who, DOORS[side]):
                if endpoint in seen or not _is_page(page, path):
                    continue
                seen.add(endpoint)
                wrong += checked(page, path, page.goto(path))
            wrong += complaints
    assert wrong == []
    assert len(seen) >= {"staff": 60, "organizer": 10, "account": 12}[side], sorted(seen)


def _is_page(page: Any, path: str) -> bool:
    """Tell whether *path* answers with a page and not with a file or elsewhere."""
    answer = page.context.request.get(path, max_redirects=0)
    kind = answer.headers.get("content-type", "")
    return answer.status == 200 and kind.startswith("text/html")


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
