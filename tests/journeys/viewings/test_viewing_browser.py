"""A colleague makes their key and looks at a document, all in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heyan.access import Role
from heyan.approvals import requests
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.viewings import keys
from tests.conftest import LiveServer
from tests.enrolment import World
from tests.staff import Colleague, colleague
from tests.viewings import Reader, approve, ask, viewing_of
from tests.worker import submit
from uploads_worker import people, viewings
from uploads_worker.context import Context


def made_key(page: Any, folder: Path) -> tuple[Path, str]:
    """Make and prove a key as a person does; return its file and passphrase."""
    page.goto("/staff/viewings/keys/new")
    page.wait_for_selector("#key-suggestion:not(:empty)")
    phrase = page.inner_text("#key-suggestion")
    page.click("#key-use")
    page.fill("#key-again", phrase)
    page.click("#key-make")
    page.wait_for_selector("#key-made:not([hidden])", timeout=60_000)
    with page.expect_download() as waiting:
        page.click("#key-download")
    file = folder / waiting.value.suggested_filename
    waiting.value.save_as(file)
    page.click("#key-send")
    page.wait_for_url("**/prove")
    page.set_input_files("#key-file", file)
    page.fill("#key-passphrase", phrase)
    page.click("#key-open")
    page.wait_for_selector(".fingerprint", timeout=60_000)
    return file, phrase


def pinned(world: World, context: Context, who: Colleague, name: str) -> None:
    """Let an officer compare the fingerprint and the operator pin it."""
    with world.session() as session:
        (row,) = keys.of_account(session, who.account_id)
        keys.confirm(session, colleague(world, Role.PRIVACY_OFFICER).actor, row.id)
    people.pin(
        context, who.account_id, row.id, name=name,
        fingerprint=recipient_fingerprint(row.recipient),
    )  # fmt: skip


def test_a_clerk_makes_a_key_and_sees_a_document_after_two_approvals_until_it_ends(
    page: Any, live_server: LiveServer, world: World, context: Context, tmp_path: Path
) -> None:
    """S-091, S-093, SECURITY 26, 39, C-51: seen here, kept nowhere, cleared when it ends."""
    case = submit(world, context)
    clerk = colleague(world, Role.SERVICE)
    page.context.add_cookies(
        [{"name": "heyan_session", "value": clerk.token, "url": live_server.url}]
    )
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.post_data or ''}"))
    file, phrase = made_key(page, tmp_path)
    pinned(world, context, clerk, "李查看")
    who = Reader(clerk, None, "李查看")
    request = ask(world, who, case.document_id)
    approve(world, request)
    found = viewing_of(world, who, request)
    viewings.build_viewing(context, found.id)
    page.goto("/staff/viewings")
    page.click(f'a[href$="{found.id}"]')
    page.set_input_files("#desk-key", file)
    page.fill("#desk-passphrase", phrase)
    page.click("#desk-open")
    page.wait_for_selector("#desk-stage img", timeout=60_000)
    page.wait_for_function("document.querySelector('#desk-stage img').naturalWidth > 800")
    before = page.inner_text("#desk-zoom")
    page.click('[data-act="zoom-in"]')
    assert page.inner_text("#desk-zoom") != before
    page.click('[data-act="rotate"]')
    assert "rotate(90deg)" in page.get_attribute("#desk-stage img", "style")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("indexedDB.databases()") == []
    assert not any(phrase in one or "AGE-SECRET-KEY" in one for one in sent)
    # Paper gets none of it.
    page.emulate_media(media="print")
    assert page.is_hidden("#desk")
    page.emulate_media(media="screen")
    with world.session() as session:
        requests.end(session, clerk.actor, request)
    page.wait_for_selector("#desk-stage img", state="detached", timeout=40_000)
    assert "查看已经结束" in page.inner_text("#viewing-position")
