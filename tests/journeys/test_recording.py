"""A clerk attaches a recording in a real browser; a web process that is killed leaves nothing."""

from __future__ import annotations

import socket
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.local.processes import end_session
from heyan.access import Role
from tests.conftest import LiveServer
from tests.contacts import LOG, entry, sound
from tests.enrolment import World, hidden_fields
from tests.staff import Colleague, colleague
from tests.worker import context, world
from uploads_worker import recordings as worker
from uploads_worker.context import Context

__all__ = ["context", "world"]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def clerk(world: World, context: Context) -> Colleague:
    """Somebody of the customer service; the month's key is there."""
    worker.provision(context)
    return colleague(world, Role.SERVICE)


def test_a_recording_is_attached_with_progress(
    world: World,
    context: Context,
    clerk: Colleague,
    live_server: LiveServer,
    page: Any,
    tmp_path: Path,
) -> None:
    """D2: chosen, refused with advice when it is no recording, sent, sealed, shown."""
    call = entry(clerk, consent="given")
    page.context.add_cookies(
        [{"name": "heyan_session", "value": clerk.token, "url": live_server.url}]
    )
    page.goto(f"{LOG}/{call}")
    picture, recorded = tmp_path / "a.mp3", tmp_path / "b.dat"
    picture.write_bytes(b"\x89PNG" + bytes(500))
    data = sound("wav", 9 * MIB)
    recorded.write_bytes(data)
    page.set_input_files("#file", picture)
    page.click("form[data-recording] button[type=submit]")
    page.wait_for_selector("[data-trouble]:not([hidden])")
    assert "这个文件不是录音" in page.inner_text("[data-trouble]")
    page.set_input_files("#file", recorded)
    page.click("form[data-recording] button[type=submit]")
    page.wait_for_selector("text=录音已封存")
    assert "WAV" in page.inner_text("main")
    (row,) = world.rows("SELECT id FROM recordings WHERE contact_id = :c", c=call)
    assert b"".join(worker.open_recording(context, row.id)) == data


def test_a_web_process_killed_meanwhile_leaves_nothing_visible(
    world: World, context: Context, clerk: Colleague, live_server: LiveServer
) -> None:
    """DESIGN 2 rule 6, SECURITY 49: kill -9 with parts in the store: no row, and it can be sent."""
    call = entry(clerk, consent="given")
    fields = hidden_fields(clerk.get(f"{LOG}/{call}").text)
    boundary = uuid.uuid4().hex
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n'
        for name in ("csrf_token", "upload_token")
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    place = urlsplit(live_server.url)
    before = {one.key for one in context.objects.list_sealed("c/")}
    with socket.create_connection((str(place.hostname), place.port or 80)) as line:
        line.sendall(
            (
                f"POST {LOG}/{call}/recordings HTTP/1.1\r\nHost: {place.netloc}\r\n"
                f"Cookie: heyan_session={clerk.token}\r\nContent-Length: {60 * MIB}\r\n"
                f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n{head}"
            ).encode()
        )
        line.sendall(sound("wav", 20 * MIB))
        until = time.monotonic() + 30
        while {one.key for one in context.objects.list_sealed("c/")} == before:
            assert time.monotonic() < until, "no part arrived"
        end_session(live_server.machine.running["web"].process.pid)
    live_server.restart()
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []
