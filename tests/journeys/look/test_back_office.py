"""Every page behind a sign-in, with something on it, for everyone (WCAG 2.2 AA).

In English: longer words break layouts first, and the pages' own tests read Chinese.
"""

from __future__ import annotations

from typing import Any

import pytest

from heyan.access import Role
from heyan.audit.service import ChainState
from heyan.releases import recipients
from tests.access import Universe
from tests.enrolment import World
from tests.journeys.look.looking import LOOKERS, addresses, check, checked, is_page, opened
from tests.staff import colleague, organization, proven_recipient


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
            for endpoint, path in addresses(universe, who, side):
                if endpoint in seen or not is_page(page, path):
                    continue
                seen.add(endpoint)
                wrong += checked(page, path, page.goto(path))
            wrong += complaints
    assert wrong == []
    assert len(seen) >= {"staff": 60, "organizer": 10, "account": 12}[side], sorted(seen)


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
