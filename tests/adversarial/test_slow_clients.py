"""Slow clients against the real server: who only reads is served whatever others send."""

from __future__ import annotations

import socket
import time
import urllib.request
from urllib.parse import urlsplit

import pytest

from tests.conftest import LiveServer

HEADS = "POST /account/login HTTP/1.1\r\nHost: {host}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
KINDS = {
    "heads that never end": "GET / HTTP/1.1\r\nHost: {host}\r\nX-Slow: ",
    "a form that trickles": HEADS + FORM + "Content-Length: 1000\r\n\r\na=",
    "chunks that trickle": HEADS + FORM + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    "a file that trickles": HEADS
    + "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 200000\r\n\r\n--x",
}
COUNT = 500


def _open(place: str, first: str) -> list[socket.socket]:
    host, port = place.split(":")
    held = []
    for _ in range(COUNT):
        slow = socket.create_connection((host, int(port)), timeout=5)
        slow.sendall(first.format(host=place).encode())
        held.append(slow)
    return held


@pytest.mark.parametrize("kind", KINDS)
def test_five_hundred_slow_clients_leave_the_pages_to_others(
    live_server: LiveServer, kind: str
) -> None:
    """C-63, SECURITY 44: health and pages answer while they hold on; nothing is left after."""
    place = urlsplit(live_server.url).netloc
    held = _open(place, KINDS[kind])
    try:
        for _ in range(3):
            began = time.monotonic()
            for path in ("/healthz", "/account/login"):
                with urllib.request.urlopen(live_server.url + path, timeout=15) as page:
                    assert page.status == 200
            # Refusing five hundred at once takes a moment on a busy machine; then it is quick.
            assert time.monotonic() - began < 15
            time.sleep(0.5)
    finally:
        for slow in held:
            slow.close()
    with urllib.request.urlopen(live_server.url + "/healthz", timeout=15) as page:
        assert page.status == 200
