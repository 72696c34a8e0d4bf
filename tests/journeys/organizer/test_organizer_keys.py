"""An organizer makes its key in a real browser and proves that it can open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage

from heyan.releases.fingerprint import recipient_fingerprint
from tests.conftest import LiveServer
from tests.organizer import Member
from tests.releases import Organizer


def test_a_key_is_made_kept_and_proven_and_only_its_public_half_leaves(
    page: Any,
    live_server: LiveServer,
    organizer: Organizer,
    enter: Callable[..., Member],
    tmp_path: Path,
) -> None:
    """L1, L4, DESIGN 2: made here, locked under a passphrase, never sent."""
    owner = enter(organizer)
    owner.enter(page.context, live_server.url)
    sent: list[str] = []
    page.on("request", lambda one: sent.append(f"{one.url} {one.post_data or ''}"))
    page.goto("/organizer/keys/new?purpose=recovery")
    page.wait_for_selector("#key-suggestion:not(:empty)")
    phrase = page.inner_text("#key-suggestion")
    assert len(phrase.split()) == 6
    page.click("#key-use")
    page.fill("#key-again", "something else entirely")
    page.click("#key-make")
    page.wait_for_selector("#key-problem:not([hidden])")
    assert "不一样" in page.inner_text("#key-problem")
    page.fill("#key-again", phrase)
    page.click("#key-make")
    page.wait_for_selector("#key-made:not([hidden])", timeout=60_000)
    assert page.is_disabled("#key-send")
    with page.expect_download() as waiting:
        page.click("#key-download")
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    assert file.name.startswith("heyan-")
    plain = pyrage.passphrase.decrypt(file.read_bytes(), phrase).decode()
    secret = next(line for line in plain.splitlines() if line.startswith("AGE-SECRET-KEY-1"))
    shown = page.inner_text("#key-fingerprint")
    page.click("#key-send")
    page.wait_for_url("**/prove")
    page.set_input_files("#key-file", file)
    page.fill("#key-passphrase", "not the passphrase at all")
    page.click("#key-open")
    page.wait_for_selector("#key-problem:not([hidden])", timeout=60_000)
    assert "口令不对" in page.inner_text("#key-problem")
    page.fill("#key-passphrase", phrase)
    page.click("#key-open")
    page.wait_for_url(lambda url: url.endswith(tuple("0123456789abcdef")), timeout=60_000)
    page.wait_for_selector(".fingerprint")
    assert page.inner_text(".fingerprint") == shown
    recipient = str(pyrage.x25519.Identity.from_str(secret).to_public())
    assert recipient_fingerprint(recipient) == shown
    assert "等待电话核对指纹" in page.inner_text("h1")
    assert any(recipient in one for one in sent)
    assert not any(secret in one or phrase in one for one in sent)
    assert not any(phrase.replace(" ", "+") in one for one in sent)
    assert all(one.startswith((live_server.url, "blob:" + live_server.url)) for one in sent)
