"""Uploads over raw sockets against the real server: limits are answered (C-03, C-13)."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from deploy.local import credentials
from deploy.local.machine import ROOT, Machine
from tests.enrolment import Person, World, hidden_fields, picture, pinned
from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]

MIB = 1024 * 1024
BOUNDARY = "----heyan"


@dataclass
class Site:
    """The real server over the test's world, with a folder for temporary files of its own."""

    port: int
    process: subprocess.Popen[bytes]
    temporary: Path

    def memory(self) -> int:
        """Return the memory of the server's processes and their children, in bytes."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        return sum(one.memory_info().rss for one in family)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@pytest.fixture(scope="module")
def site(
    engines: Machine, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    port, temporary = credentials.free_port(), tmp_path_factory.mktemp("web-tmp")
    program = engines.web_program()
    command = list(program.command)
    command[command.index("--port") + 1] = str(port)
    changed = {"ROOT_PUBLIC_KEY": pinned(world.root), "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command,
        env={**program.environment, **changed},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    made = Site(port, process, temporary)
    while True:
        try:
            with made.connect() as probe:
                probe.sendall(
                    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                if probe.recv(64).startswith(b"HTTP/1.1 200"):
                    break
        except OSError:
            pass
        assert time.monotonic() < until
        time.sleep(0.05)
    yield made
    process.terminate()
    process.wait(30)


@dataclass
class Door:
    """What one person needs to post a document."""

    path: str
    cookie: str
    fields: dict[str, str]

    def head(self, length: str, kind: str = f"multipart/form-data; boundary={BOUNDARY}") -> bytes:
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n"
            f"Content-Type: {kind}\r\n{length}\r\nConnection: close\r\n\r\n"
        ).encode()

    def body(self, data: bytes) -> bytes:
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in self.fields.items()
        ]
        parts.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        )
        return "".join(parts).encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def door(world: World, who: Person, registration: str) -> Door:
    path = f"/registrations/{registration}/documents/id_card_front"
    fields = hidden_fields(who.get(path).text)
    cookies = "; ".join(f"{one.key}={one.value}" for one in who.client._cookies.values())
    fields.setdefault("upload_token", uuid.uuid4().hex)
    return Door(path, cookies, fields)


@pytest.fixture
def opened(world: World, person: Person) -> Door:
    return door(world, person, person.ready(world.event().slug))


def answer(connection: socket.socket) -> tuple[int, str]:
    """Read to the end; a reset connection is an error."""
    connection.settimeout(30)
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    raw = b"".join(pieces)
    found = re.match(rb"HTTP/1\.1 (\d+)", raw)
    assert found, raw[:200]
    return int(found[1]), raw.decode("utf-8", "replace")


def pour(connection: socket.socket, block: bytes, times: int) -> None:
    for _one in range(times):
        connection.sendall(block)


def test_too_large_is_answered_with_limit_and_size(site: Site, opened: Door) -> None:
    """C-03, SECURITY 5."""
    with site.connect() as connection:
        connection.sendall(opened.head(f"Content-Length: {50 * MIB}"))
        pour(connection, bytes(MIB), 50)
        status, page = answer(connection)
    assert status == 413
    assert "30.0 MB" in page
    assert "50.0 MB" in page


def test_a_chunked_flood_is_cut_and_memory_stays_flat(site: Site, opened: Door) -> None:
    """C-03, SECURITY 5."""
    before = site.memory()
    chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
    start = opened.body(b"").partition(f"\r\n--{BOUNDARY}--".encode())[0]
    with site.connect() as connection:
        connection.sendall(opened.head("Transfer-Encoding: chunked"))
        connection.sendall(f"{len(start):x}\r\n".encode() + start + b"\r\n")
        pour(connection, chunk, 60)
        connection.sendall(b"0\r\n\r\n")
        status, page = answer(connection)
    assert status == 413
    assert "30.0 MB" in page
    assert site.memory() - before < 150 * MIB


def test_a_lying_length_changes_nothing(site: Site, opened: Door) -> None:
    """C-03, SECURITY 5."""
    body = opened.body(picture())
    with site.connect() as connection:
        connection.sendall(opened.head(f"Content-Length: {len(body) - 5000}") + body)
        status, _page = answer(connection)
    assert status in (303, 400, 403, 422)
    with site.connect() as connection:
        connection.sendall(opened.head(f"Content-Length: {len(body) + 5000}") + body)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(30)
        assert not connection.recv(4096).startswith(b"HTTP/1.1 5")


def test_ten_thousand_parts_are_refused(site: Site, opened: Door) -> None:
    """C-03, SECURITY 5."""
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'.encode()
    body = part * 10_000 + f"--{BOUNDARY}--\r\n".encode()
    with site.connect() as connection:
        connection.sendall(opened.head(f"Content-Length: {len(body)}") + body)
        status, _page = answer(connection)
    assert status in (400, 413)


@pytest.mark.parametrize("piece", [b"a&", b"a", b"%00"], ids=["fields", "one field", "escapes"])
def test_text_in_the_place_of_a_picture_is_cut(site: Site, opened: Door, piece: bytes) -> None:
    """C-03, SECURITY 5: thirty megabytes of text would be fifteen million fields."""
    before = site.memory()
    start = "&".join(f"{name}={value}" for name, value in opened.fields.items()) + "&x="
    body = start.encode() + piece * (28 * MIB // len(piece))
    with site.connect() as connection:
        kind = "application/x-www-form-urlencoded"
        connection.sendall(opened.head(f"Content-Length: {len(body)}", kind) + body)
        status, _page = answer(connection)
    assert status == 413
    assert site.memory() - before < 60 * MIB


@pytest.mark.parametrize(("count", "status"), [(190, 422), (201, 413)])
def test_a_form_has_two_hundred_fields_at_most(
    site: Site, opened: Door, count: int, status: int
) -> None:
    """C-03, CONTROLS 5: also where the form carries no file."""
    form = replace(opened, path="/students/new")
    body = f"csrf_token={opened.fields['csrf_token']}".encode() + b"&a=1" * (count - 1)
    with site.connect() as connection:
        kind = "application/x-www-form-urlencoded"
        connection.sendall(form.head(f"Content-Length: {len(body)}", kind) + body)
        assert answer(connection)[0] == status


def test_endless_headers_are_cut(site: Site) -> None:
    """C-03, SECURITY 5."""
    with site.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for number in range(20_000):
                connection.sendall(f"X-{number}: {'y' * 100}\r\n".encode())
            connection.settimeout(30)
            first = connection.recv(64)
        except (ConnectionResetError, BrokenPipeError):
            first = b""
    assert first == b"" or first.split()[1] in (b"400", b"431")


def test_a_closed_door_answers_without_any_body(site: Site, world: World, person: Person) -> None:
    """C-12: the answer is there though not one byte of the body was sent."""
    event = world.event()
    shut = door(world, person, person.ready(event.slug))
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET closes_at = now() - interval '1 second' WHERE id = %s", (event.id,)
        )
    with site.connect() as wire:
        wire.sendall(shut.head(f"Content-Length: {20 * MIB}"))
        wire.settimeout(10)
        first = wire.recv(4096)
        assert first.startswith(b"HTTP/1.1 409"), first[:100]
        pour(wire, bytes(MIB), 20)
        assert "已经截止" in (first + _rest(wire)).decode("utf-8", "replace")


def _rest(wire: socket.socket) -> bytes:
    pieces = []
    while piece := wire.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


class Watch:
    """What appears in a folder while it is watched, by the kernel's own word."""

    CREATE, MOVED_TO, MODIFY = 0x100, 0x80, 0x2

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        mask = self.CREATE | self.MOVED_TO | self.MODIFY
        assert libc.inotify_add_watch(self._fd, str(folder).encode(), mask) >= 0

    def names(self) -> list[str]:
        try:
            raw = os.read(self._fd, 1 << 16)
        except BlockingIOError:
            return []
        found, place = [], 0
        while place < len(raw):
            _wd, _mask, _cookie, length = struct.unpack_from("iIII", raw, place)
            found.append(raw[place + 16 : place + 16 + length].rstrip(b"\0").decode())
            place += 16 + length
        return found


def open_files(site: Site) -> set[str]:
    """Return the regular files that the server's processes hold, other than code and logs."""
    found = set()
    family = [psutil.Process(site.process.pid)]
    family += family[0].children(recursive=True)
    for one in family:
        for link in Path(f"/proc/{one.pid}/fd").glob("*"):
            try:
                found.add(str(link.readlink()))
            except OSError:
                continue
    return {name for name in found if name.startswith("/") and not name.startswith("/dev/")}


def test_eight_times_twenty_megabytes_touch_no_disk(
    site: Site, world: World, engines: Machine
) -> None:
    """C-13: nothing in TMPDIR, no open file, and no plaintext anywhere under HEYAN_HOME."""
    secret = os.urandom(4 * MIB)
    data = picture() + secret * 5
    people = [world.person() for _one in range(8)]
    doors = [door(world, one, one.ready(world.event().slug)) for one in people]
    watch, before = Watch(site.temporary), open_files(site)
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(open_files(site) - before)
            done.wait(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()

    def send(one: Door) -> int:
        body = one.body(data)
        with site.connect() as connection:
            connection.sendall(one.head(f"Content-Length: {len(body)}") + body)
            return answer(connection)[0]

    try:
        with ThreadPoolExecutor(8) as threads:
            statuses = list(threads.map(send, doors))
    finally:
        done.set()
        watcher.join()
    assert statuses == [303] * 8
    assert watch.names() == []
    # The code itself may lie under a folder for temporary files, as a fresh clone often does.
    strange = {name for name in seen if not name.startswith((str(ROOT), sys.prefix))}
    assert not any("tmp" in name.lower() or "deleted" in name for name in strange), strange
    needles = (secret[1000:1032], picture()[2000:2032])
    for folder in (engines.home, site.temporary):
        for file in folder.rglob("*"):
            if file.is_file():
                held = file.read_bytes()
                assert not any(needle in held for needle in needles), file


@pytest.mark.parametrize(
    "heads",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 0",
        "Content-Length: +5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Content-Length: 0\r\n Transfer-Encoding: chunked",
    ],
)
def test_no_request_hides_in_another(site: Site, heads: str) -> None:
    """SECURITY 36: where two readers could disagree on a body's end, what follows is not served."""
    hidden = "GET /contact HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with site.connect() as connection:
        shown = f"POST /contact HTTP/1.1\r\nHost: localhost\r\n{heads}\r\n\r\n0\r\n\r\n"
        connection.sendall((shown + hidden).encode())
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(30)
        served = _rest(connection)
    assert served.count(b"HTTP/1.1 200") == 0, served[:300]
