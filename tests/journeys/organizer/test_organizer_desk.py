"""The reading desk in a real browser: opened, decided by keyboard, undone, kept, published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from heyan.releases.models import Release
from tests.conftest import LiveServer
from tests.organizer import PASSPHRASE, Member, batch, identity_file
from tests.releases import Batches, Enrolled, Organizer

NASTY = '<img src=x onerror="document.title=1">'


class Desk:
    """A batch at the desk of a signed-in member."""

    def __init__(
        self, page: Any, release: Release, people: list[Enrolled], key: Path, sent: list[str]
    ) -> None:
        self.page, self.release, self.people, self.key, self.sent = page, release, people, key, sent

    def goto(self) -> None:
        """Open the desk's door."""
        self.page.goto(f"/organizer/releases/{self.release.id}/desk")

    def enter(self, passphrase: str = PASSPHRASE, key: Path | None = None) -> None:
        """Choose the key, type the passphrase, press the button."""
        self.page.set_input_files("#desk-key", key or self.key)
        self.page.fill("#desk-passphrase", passphrase)
        self.page.click("#desk-open")

    def open(self) -> None:
        """Open the batch and wait for the desk."""
        self.goto()
        self.enter()
        self.page.wait_for_selector("#desk:not([hidden])", timeout=90_000)

    def problem(self) -> str:
        """Wait for what went wrong."""
        self.page.wait_for_selector("#desk-problem:not([hidden])", timeout=90_000)
        assert self.page.is_hidden("#desk")
        return str(self.page.inner_text("#desk-problem"))

    def saved(self) -> None:
        """Wait until everything is saved."""
        self.page.wait_for_selector('#desk-saved[data-state="saved"]', timeout=30_000)

    def counts(self) -> str:
        """Return the line of counts."""
        return str(self.page.inner_text("#desk-counts"))

    def press(self, keys: str) -> None:
        """Press keys one after another."""
        for key in keys.split():
            self.page.keyboard.press(key)


@pytest.fixture
def desk(
    page: Any,
    live_server: LiveServer,
    batches: Batches,
    organizer: Organizer,
    enter: Callable[..., Member],
    tmp_path: Path,
) -> Iterator[Desk]:
    names = ("王小满", "李知行", NASTY)
    release, people = batch(batches, organizer, names)
    enter(organizer).enter(page.context, live_server.url)
    key = tmp_path / "key.age-identity.txt"
    key.write_bytes(identity_file(organizer.identity))
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.post_data or ''}"))
    page.on("dialog", lambda one: one.accept())
    yield Desk(page, release, people, key, sent)
    whole = "\n".join(sent)
    assert all(one.startswith((live_server.url, f"blob:{live_server.url}")) for one in sent)
    # Nothing but decisions left: no key, no passphrase, no name, no ID number.
    private = (PASSPHRASE, "AGE-SECRET-KEY", *(one.id_number for one in people), *names)
    assert not any(word in whole for word in private)
    kept = "[localStorage.length, sessionStorage.length]"
    assert page.evaluate(kept) == [0, 0]
    assert page.evaluate("indexedDB.databases()") == []


def test_a_batch_is_decided_by_keyboard_undone_kept_over_a_reload_and_published(
    desk: Desk, batches: Batches
) -> None:
    """L3, C4, C-55: keys, undo, partial work, publication; names are text, never markup."""
    page = desk.page
    desk.open()
    assert desk.counts() == "通过 0 · 退回 0 · 其余 3"
    assert page.get_attribute(".desk-picture", "src").startswith("blob:")
    assert page.inner_text("#desk-number") in {one.number for one in desk.people}
    assert page.locator("#desk-list img, #desk-facts img").count() == 0
    desk.press("a")
    desk.press("r 3 Enter")
    assert desk.counts() == "通过 1 · 退回 1 · 其余 1"
    desk.press("u")
    assert desk.counts() == "通过 1 · 退回 0 · 其余 2"
    desk.press("r 9 Enter")
    assert page.is_visible("#desk-return-problem")
    page.fill("#desk-return-text", "请重拍，四角入镜")
    page.click("#desk-return-form button[type=submit]")
    desk.saved()
    states = {row[0] for row in batches.rows("SELECT state FROM documents WHERE id = ANY(:d)",
              d=[one.documents[0] for one in desk.people])}  # fmt: skip
    assert states == {"released"}
    desk.open()
    assert desk.counts() == "通过 1 · 退回 1 · 其余 1"
    desk.press("a p")
    assert "2 份通过、1 份退回" in page.inner_text("#desk-publish-summary")
    page.click("#desk-publish-now")
    page.wait_for_selector("#desk-said:has-text('已公布：')", timeout=30_000)
    desk.press("a")
    assert "不能再改" in page.inner_text("#desk-said")
    found = sorted(batches.state(one.documents[0]).value for one in desk.people)
    assert found == ["accepted", "accepted", "returned"]
    row = batches.rows(
        "SELECT state, fetched_at IS NOT NULL, acknowledged_at IS NOT NULL FROM releases"
        " WHERE id = :id",
        id=desk.release.id,
    )[0]
    assert tuple(row) == ("decided", True, True)


def test_a_wrong_passphrase_a_wrong_file_and_another_key_are_told_apart(
    desk: Desk, tmp_path: Path
) -> None:
    """L2: the page says what is wrong and what to do."""
    desk.goto()
    desk.enter("these are other words")
    assert "口令不对" in desk.problem()
    other = tmp_path / "other.age-identity.txt"
    other.write_bytes(identity_file(pyrage.x25519.Identity.generate()))
    desk.enter(key=other)
    desk.page.wait_for_selector("#desk-problem:has-text('不是为您这枚密钥')", timeout=90_000)
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(b"\xff\xd8\xff nothing")
    desk.enter(key=picture)
    desk.page.wait_for_selector("#desk-problem:has-text('不是密钥文件')", timeout=90_000)


def test_a_replaced_file_is_refused_before_anything_of_it_is_parsed(
    desk: Desk, batches: Batches, organizer: Organizer
) -> None:
    """C-79: another valid age file for the same key, in the released object's place."""
    other, _people = batch(batches, organizer, ("被换的人",))
    batches.change("UPDATE releases SET object_key = NULL WHERE id = :id", id=other.id)
    batches.change(
        "UPDATE releases SET object_key = :key, file_bytes = :size WHERE id = :id",
        key=other.object_key, size=other.file_bytes, id=desk.release.id,
    )  # fmt: skip
    desk.goto()
    desk.enter()
    words = desk.problem()
    assert "被换过或损坏" in words or "没有取到" in words or "网络中断" in words
    state = batches.rows("SELECT state FROM releases WHERE id = :id", id=desk.release.id)
    assert state[0][0] != "acknowledged"


def test_work_survives_a_session_that_ended_in_between(
    desk: Desk, batches: Batches, enter: Callable[..., Member], organizer: Organizer,
    live_server: LiveServer,
) -> None:  # fmt: skip
    """Partial work is kept; the page says what is not saved, and saves it after a new sign-in."""
    desk.open()
    desk.saved()
    batches.change("UPDATE login_sessions SET revoked_at = now() WHERE revoked_at IS NULL")
    desk.press("a")
    desk.page.wait_for_selector('#desk-saved[data-state="login"]', timeout=30_000)
    assert desk.page.is_visible("#desk-login")
    enter(organizer).enter(desk.page.context, live_server.url)
    desk.page.click("#desk-retry")
    desk.saved()
    count = "SELECT count(*) FROM decision_drafts WHERE release_id = :r"
    assert batches.rows(count, r=desk.release.id)[0][0] == 1
