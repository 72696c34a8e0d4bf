"""A colleague attaches a recorded call, is allowed to hear it, and hears it in a real browser."""

from __future__ import annotations

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

from heyan.access import Role
from tests.conftest import LiveServer
from tests.contacts import LOG, entry
from tests.enrolment import World
from tests.journeys.viewings.test_viewing_browser import made_key, pinned
from tests.staff import colleague
from tests.viewings import Reader, approve, ask, viewing_of
from uploads_worker import recordings, viewings
from uploads_worker.context import Context

RATE = 8000
SECONDS = 3
# Plays; once something was heard, says how long all of it is.
HEARD = """() => new Promise((heard, failed) => {
  const player = document.querySelector("#desk-stage audio");
  player.addEventListener("timeupdate", () => player.currentTime > 0.3 && heard(player.duration));
  player.play().catch(failed);
})"""


def tone() -> bytes:
    """Three seconds of the pitch A as a WAV file: something that can truly be played."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes(
            b"".join(
                struct.pack("<h", round(9000 * math.sin(2 * math.pi * 440 * at / RATE)))
                for at in range(RATE * SECONDS)
            )
        )
    return made.getvalue()


def test_a_recording_is_heard_by_the_one_who_was_allowed_to(
    page: Any, live_server: LiveServer, world: World, context: Context, tmp_path: Path
) -> None:
    """D3, S-093, SECURITY 39: it plays from memory, has its full length, and ends with the page."""
    recordings.provision(context)
    clerk = colleague(world, Role.SERVICE)
    page.context.add_cookies(
        [{"name": "heyan_session", "value": clerk.token, "url": live_server.url}]
    )
    file, phrase = made_key(page, tmp_path)
    pinned(world, context, clerk, "李查看")
    call = entry(clerk, consent="given")
    (tmp_path / "call.wav").write_bytes(tone())
    page.goto(f"{LOG}/{call}")
    page.set_input_files("#file", tmp_path / "call.wav")
    page.click("form[data-recording] button[type=submit]")
    page.wait_for_selector("text=录音已封存")
    (row,) = world.rows("SELECT id FROM recordings WHERE contact_id = :c", c=call)
    who = Reader(clerk, None, "李查看")
    request = ask(world, who, row.id, kind="recording")
    approve(world, request, Role.PRIVACY_OFFICER)
    found = viewing_of(world, who, request)
    viewings.build_viewing(context, found.id)
    page.goto(f"/staff/viewings/{found.id}")
    page.set_input_files("#desk-key", file)
    page.fill("#desk-passphrase", phrase)
    page.click("#desk-open")
    page.wait_for_selector("#desk-stage audio", timeout=60_000)
    # The page lets nothing be evaluated from a string, so it is asked once and answers later.
    assert round(page.evaluate(HEARD)) == SECONDS
    assert page.evaluate("document.querySelector('#desk-stage audio').src").startswith("blob:")
    assert page.is_hidden("#viewing-tools")
    # The picture's tools have no business here, and a screenshot of the stage shows the player.
    box = page.locator("#desk-stage audio").bounding_box()
    assert box["width"] > 200
    assert box["height"] > 30
