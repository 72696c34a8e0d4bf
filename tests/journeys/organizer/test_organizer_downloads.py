"""Downloads under the real server: what broke off does not count, and can be resumed."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from deploy.local.processes import wait_until
from tests.conftest import LiveServer
from tests.organizer import Member
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release

LARGE = 24 * 1024 * 1024


def test_a_broken_download_is_not_fetched_and_its_resumption_is(
    live_server: LiveServer,
    batches: Batches,
    organizer: Organizer,
    enter: Callable[..., Member],
) -> None:
    """C-80, SECURITY 39: "fetched" only after the last byte left."""
    batches.enrol(organizer, pictures=[b"\xff\xd8" + os.urandom(LARGE)])
    build_release(batches.context, organizer.event_id, "demand", None)
    release = batches.releases(organizer)[-1]
    owner = enter(organizer)
    parts = urlsplit(live_server.url)
    assert parts.hostname
    assert parts.port
    path, cookie = f"/organizer/releases/{release.id}/file", f"heyan_session={owner.token}"
    with socket.create_connection((parts.hostname, parts.port)) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        plug.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        got = plug.recv(65536)
        assert b" 200 " in got[:20]
    assert batches.releases(organizer)[-1].state.value == "offered"
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    whole = batches.file(release)
    for first, last in ((0, 999_999), (1_000_000, None)):
        wanted = f"bytes={first}-{'' if last is None else last}"
        connection.request("GET", path, headers={"Cookie": cookie, "Range": wanted})
        answer = connection.getresponse()
        assert answer.status == 206
        data = answer.read()
        assert data == whole[first : None if last is None else last + 1]
    connection.close()
    # The server writes it down once the last byte has left, which is after it arrived here.
    assert wait_until(lambda: batches.releases(organizer)[-1].state.value == "fetched", 10)
    [sent] = batches.releases(organizer)[-1].sent
    assert (sent.lower, sent.upper) == (0, len(whole))
