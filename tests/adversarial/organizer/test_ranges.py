"""Ranges of a batch's file over real sockets: what may be asked, and what counts as fetched."""

from __future__ import annotations

import http.client
import itertools
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from deploy.local.processes import wait_until
from tests.conftest import LiveServer
from tests.organizer import Member
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release

LARGE = 6 * 1024 * 1024


@dataclass
class Download:
    """One batch's file, as its organizer asks for it."""

    batches: Batches
    organizer: Organizer
    host: str
    port: int
    path: str
    cookie: str
    whole: bytes

    def ask(self, **heads: str) -> tuple[int, dict[str, str], bytes]:
        """Ask once, on a connection of its own; returns status, heads and all that came."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in heads.items()}
        connection.request("GET", self.path, headers={"Cookie": self.cookie, **named})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, data

    def state(self) -> str:
        """Return how far the hand-over is."""
        return self.batches.releases(self.organizer)[-1].state.value

    def noted(self, count: int) -> bool:
        """Wait until *count* answers have been written down."""
        query = (
            "SELECT count(*) FROM audit_entries WHERE action = 'releases.fetch' AND subject_id = :r"
        )
        release = str(self.batches.releases(self.organizer)[-1].id)
        return wait_until(lambda: self.batches.rows(query, r=release)[0][0] >= count, 15)


@pytest.fixture
def download(
    live_server: LiveServer,
    batches: Batches,
    organizer: Organizer,
    enter: Callable[..., Member],
) -> Download:
    batches.enrol(organizer, pictures=[b"\xff\xd8" + os.urandom(LARGE)])
    build_release(batches.context, organizer.event_id, "demand", None)
    release = batches.releases(organizer)[-1]
    parts = urlsplit(live_server.url)
    assert parts.hostname
    assert parts.port
    return Download(
        batches,
        organizer,
        parts.hostname,
        parts.port,
        f"/organizer/releases/{release.id}/file",
        f"heyan_session={enter(organizer).token}",
        batches.file(release),
    )


def test_pieces_that_come_all_at_once_are_a_fetch_and_all_but_one_are_not(
    download: Download,
) -> None:
    """C-80, L2b: download managers ask for many parts together, and end them in any order."""
    size = len(download.whole)
    edges = [size * part // 8 for part in range(9)]
    spans = list(itertools.pairwise(edges))

    def part(span: tuple[int, int]) -> bytes:
        status, heads, data = download.ask(Range=f"bytes={span[0]}-{span[1] - 1}")
        assert status == 206
        assert heads["content-range"] == f"bytes {span[0]}-{span[1] - 1}/{size}"
        return data

    with ThreadPoolExecutor(7) as pool:
        # The last ones first, and the third not yet.
        late = [span for span in reversed(spans) if span != spans[2]]
        got = dict(zip(late, pool.map(part, late), strict=True))
    assert download.noted(7)
    assert download.state() == "offered"
    got[spans[2]] = part(spans[2])
    assert b"".join(got[span] for span in spans) == download.whole
    assert wait_until(lambda: download.state() == "fetched", 15)


def test_a_reader_who_stops_reading_has_fetched_nothing_though_everything_was_asked_for(
    download: Download,
) -> None:
    """C-80: many who break off early never add up to the end of the file."""
    for _turn in range(4):
        with socket.create_connection((download.host, download.port)) as plug:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
            plug.sendall(
                f"GET {download.path} HTTP/1.1\r\nHost: {download.host}:{download.port}\r\n"
                f"Cookie: {download.cookie}\r\n\r\n".encode()
            )
            assert b" 200 " in plug.recv(4096)[:20]
    assert download.noted(1)
    assert download.state() == "offered"
    status, heads, tail = download.ask(Range="bytes=-1")
    assert (status, tail) == (206, download.whole[-1:])
    assert download.state() == "offered"
    # What was taken by halves counts, once the other half comes.
    middle = len(download.whole) // 2
    for wanted in (f"bytes=0-{middle}", f"bytes={middle}-"):
        status, heads, _data = download.ask(Range=wanted, If_Range=heads["etag"])
        assert status == 206
    assert wait_until(lambda: download.state() == "fetched", 15)


def test_odd_ranges_over_the_wire(download: Download) -> None:
    """SECURITY 39: several, suffix, reversed, behind the end, thousands; never more than a file."""
    size = len(download.whole)
    whole = (200, size)
    tag = download.ask(Range="bytes=0-0")[1]["etag"]
    for heads, expected in (
        ({"Range": "bytes=0-1,4-5"}, whole),
        ({"Range": "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 2000, 2))}, whole),
        ({"Range": "bytes=0-," * 1000 + "0-"}, whole),
        ({"Range": "bytes=9-3"}, whole),
        ({"Range": "bytes=-5"}, (206, 5)),
        ({"Range": f"bytes=-{size * 9}"}, (206, size)),
        ({"Range": f"bytes={size - 3}-{size * 9}"}, (206, 3)),
        ({"Range": f"bytes={size}-"}, (416, 0)),
        ({"Range": f"bytes={size}-{size + 1}"}, (416, 0)),
        ({"Range": "bytes=-0"}, (416, 0)),
        ({"Range": "bytes=" + "9" * 4000 + "-"}, (416, 0)),
        ({"Range": "bytes=0-9", "If-Range": tag}, (206, 10)),
        ({"Range": "bytes=0-9", "If-Range": f"W/{tag}"}, whole),
        ({"Range": "bytes=0-9", "If-Range": "Mon, 30 Nov 2026 00:00:00 GMT"}, whole),
        ({"Range": "bytes=0-9", "If-Range": '"' + "0" * 64 + '"'}, whole),
    ):
        status, answered, data = download.ask(**heads)
        assert (status, len(data)) == expected, heads["Range"][:60]
        if status == 416:
            assert answered["content-range"] == f"bytes */{size}"
        else:
            assert int(answered["content-length"]) == len(data)
            assert data in download.whole


def test_crumbs_without_end_are_not_kept_and_do_no_harm(
    download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-80: a file asked for byte by byte with gaps stays a short row, and can still be fetched."""
    from heyan.audit.service import Actor
    from heyan.releases import service

    monkeypatch.setattr(service, "MOST_PIECES", 10)
    release = download.batches.releases(download.organizer)[-1]
    actor = Actor("organizer", download.organizer.member_id)
    where = (download.organizer.organization_id, release.id)
    with download.batches.session() as session:
        for at in range(0, 60, 2):
            service.sent(session, actor, *where, first=at, end=at + 1)
        [kept] = download.batches.rows("SELECT sent::text FROM releases WHERE id = :r", r=where[1])
        assert kept[0].count("[") == 10
        service.sent(session, actor, *where, first=0, end=release.file_bytes or 0)
    assert download.state() == "fetched"
