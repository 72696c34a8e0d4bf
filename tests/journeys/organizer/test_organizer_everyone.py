"""The organizer's pages for everyone: WCAG 2.2 AA, a phone's width, both schemes, no scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from heyan.releases import recipients
from tests.conftest import LiveServer
from tests.journeys.look.looking import check, everything_wrong, opened
from tests.organizer import PASSPHRASE, Member, batch, identity_file
from tests.releases import Batches, Organizer


def test_every_page_of_an_organizer_is_for_everyone(
    browser: Any, live_server: LiveServer, batches: Batches, organizer: Organizer,
    enter: Callable[..., Member], tmp_path: Path,
) -> None:  # fmt: skip
    """UX "Must hold": axe finds nothing on pages, the open desk, and its dialogs."""
    release, _people = batch(batches, organizer, ("王小满", "李知行"))
    batches.enrol(organizer)
    owner = enter(organizer)
    with batches.session() as session:
        key = recipients.of_organization(session, organizer.organization_id)[0]
    own, release_page = f"/organizer/keys/{key.id}", f"/organizer/releases/{release.id}"
    pages = (
        "/organizer", "/organizer/releases", release_page, f"{release_page}/results",
        "/organizer/keys", "/organizer/keys/new", own, f"{own}/revoke", "/organizer/members",
        "/organizer/members/invite", f"/organizer/members/{owner.account_id}",
    )  # fmt: skip
    file = tmp_path / "key.age-identity.txt"
    file.write_bytes(identity_file(organizer.identity))
    with opened(browser, live_server.url, owner.token) as (page, complaints):
        wrong = [line for path in pages for line in check(page, path)]
        page.goto(f"{release_page}/desk")
        wrong += everything_wrong(page)
        page.set_input_files("#desk-key", file)
        page.fill("#desk-passphrase", PASSPHRASE)
        page.click("#desk-open")
        page.wait_for_selector("#desk:not([hidden])", timeout=90_000)
        wrong += everything_wrong(page)
        for key_pressed in ("r", "?"):
            page.keyboard.press(key_pressed)
            page.wait_for_selector("dialog[open]")
            wrong += everything_wrong(page)
            page.keyboard.press("Escape")
        assert wrong + complaints == []
