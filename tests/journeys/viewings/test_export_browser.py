"""A colleague asks for a list, gets it approved, opens it and saves it, all in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heyan.access import Role
from tests.conftest import LiveServer
from tests.enrolment import World
from tests.exports import LEADS, a_lead, agreed, built
from tests.journeys.viewings.test_viewing_browser import made_key, pinned
from tests.staff import colleague
from tests.viewings import Reader
from uploads_worker.context import Context


def test_a_clerk_asks_for_a_list_opens_it_and_saves_the_table(
    page: Any, live_server: LiveServer, world: World, context: Context, tmp_path: Path
) -> None:
    """S-093, SECURITY 26: shown as text, saved as it was made, named in its first line."""
    clerk = colleague(world, Role.SERVICE)
    who = Reader(clerk, None, "李查看")
    page.context.add_cookies(
        [{"name": "heyan_session", "value": clerk.token, "url": live_server.url}]
    )
    file, phrase = made_key(page, tmp_path)
    pinned(world, context, clerk, who.name)
    a_lead(world, who, "=王<b>小满</b>")
    page.goto(LEADS.replace("/exports/new?kind=leads&", "/leads?"))
    page.click('a[href*="/staff/exports/new"]')
    page.fill("#note", "按名单集中回电")
    page.click('form[method="post"]:has(#note) button[type="submit"]')
    page.wait_for_url("**/staff/approvals/*")
    (row,) = world.rows(
        "SELECT id FROM access_requests WHERE requester_id = :a", a=clerk.account_id
    )
    agreed(world, row.id)
    viewing = built(world, context, who, row.id)
    page.goto(f"/staff/viewings/{viewing.id}")
    page.set_input_files("#desk-key", file)
    page.fill("#desk-passphrase", phrase)
    page.click("#desk-open")
    page.wait_for_selector("#sheet tbody td", timeout=60_000)
    assert page.inner_text("#sheet tbody td:first-child") == "'=王<b>小满</b>"
    assert who.name in page.inner_text("#sheet caption")
    with page.expect_download() as waiting:
        page.click("#sheet-save")
    saved = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(saved)
    assert saved.name.endswith(".csv")
    assert saved.read_bytes().startswith(b"\xef\xbb\xbf")
    assert "小满" in saved.read_text("utf-8-sig")
