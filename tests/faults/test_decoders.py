"""Decoder children of the running site, killed from outside while people upload."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.machine import Machine
from deploy.local.processes import wait_until
from heyan.settings import Settings
from tests.conftest import LiveServer
from tests.enrolment import Person, World, hidden_fields, picture, words_of
from tests.memory import family
from tests.worker import context, world
from uploads_worker import vault
from uploads_worker.context import Context

__all__ = ["context", "world"]

pytestmark = pytest.mark.faults
KIND = "id_card_front"


def decoders(machine: Machine) -> list[int]:
    """Return the decoder children of every web process."""
    leader = machine.running["web"].process.pid
    return [pid for pid in family(leader) if b"heyan.custody.decoder" in _command(pid)]


class Uploader:
    """Someone whose registration waits for a picture, at the real server."""

    def __init__(self, world: World, url: str, slug: str) -> None:
        someone: Person = world.person()
        self.registration = someone.ready(slug)
        self.path = f"/registrations/{self.registration}/documents/{KIND}"
        self.http = httpx.Client(base_url=url, cookies={"heyan_session": someone.token}, timeout=60)

    def form(self) -> dict[str, str]:
        """Return the form's hidden fields; the web warms its decoders meanwhile."""
        return hidden_fields(self.http.get(self.path).text)

    def send(self, fields: dict[str, str], data: bytes) -> httpx.Response:
        """Send one picture."""
        files = {"file": ("card.jpg", data, "image/jpeg")}
        return self.http.post(self.path, data={**fields, "override": "yes"}, files=files)


@pytest.fixture
def uploaders(world: World, context: Context, live_server: LiveServer) -> Iterator[list[Uploader]]:
    # Decoders of its own for each test: the others' are dead.
    live_server.restart()
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    made = [Uploader(world, live_server.url, event.slug) for _each in range(6)]
    yield made
    for one in made:
        one.http.close()


def rows(world: World, one: Uploader) -> list[Any]:
    return world.rows("SELECT state FROM documents WHERE registration_id = :r", r=one.registration)


def warmed(machine: Machine, one: Uploader) -> list[int]:
    """Return all decoders once every web process has all of its own, waiting."""
    options = machine.web_program().command
    webs = int(options[options.index("--workers") + 1])
    heads = {"Cookie": f"heyan_session={one.http.cookies['heyan_session']}"}

    def all_there() -> bool:
        # A connection of its own each time: any of the web's processes may take it.
        httpx.get(f"{one.http.base_url}".rstrip("/") + one.path, headers=heads)
        parents = {_parent(pid) for pid in decoders(machine)}
        return len(parents) >= webs

    assert wait_until(all_there, 60, 0.1)
    return decoders(machine)


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_decoders_that_ended_while_they_waited_cost_nobody_a_picture(
    world: World, stack: Machine, uploaders: list[Uploader], sign: signal.Signals
) -> None:
    """C-05, SECURITY 8: the next upload finds them dead and takes a fresh one."""
    warmed(stack, uploaders[5])
    for one in uploaders[:3]:
        fields = one.form()
        for pid in decoders(stack):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        sent = one.send(fields, picture())
        assert sent.status_code == 303, words_of(sent)  # type: ignore[arg-type]
        assert len(rows(world, one)) == 1


def test_decoders_killed_in_the_middle_of_pictures_harm_nobody(
    world: World, stack: Machine, uploaders: list[Uploader], settings: Settings
) -> None:
    """C-05, C-11, SECURITY 8: a picture goes to the next; at worst the person is asked to come
    again, and the same form then makes one document. Nothing is left behind.
    """
    chance = random.Random(7)
    forms = [one.form() for one in uploaders]
    done = threading.Event()
    killed: list[int] = []
    statuses: list[int] = []

    def kill() -> None:
        while not done.is_set():
            if there := decoders(stack):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(there), signal.SIGKILL)
                    killed.append(1)
            done.wait(0.15)

    def upload(pair: tuple[Uploader, dict[str, str]]) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            sent = pair[0].send(pair[1], picture(3000, 2000))
            statuses.append(sent.status_code)
            if sent.status_code == 303:
                return

    with ThreadPoolExecutor(7) as pool:
        killer = pool.submit(kill)
        try:
            list(pool.map(upload, zip(uploaders, forms, strict=True)))
        finally:
            done.set()
        killer.result()
    assert len(killed) > 3
    # 503 asks to come again; nobody hears that their picture was bad.
    assert set(statuses) <= {303, 503}, statuses
    assert statuses.count(303) == len(uploaders)
    for one in uploaders:
        assert [row.state for row in rows(world, one)] == ["sealed"]
    most = settings.decoder_processes * 4
    assert wait_until(lambda: len(decoders(stack)) <= most, 20)
    zombies = [
        pid
        for pid in family(stack.running["web"].process.pid)
        if ") Z " in Path(f"/proc/{pid}/stat").read_text()
    ]
    # One that was killed while it waited is reaped when its place is next asked for.
    assert len(zombies) <= most


def test_a_decoder_without_memory_says_so_and_the_next_picture_is_taken(
    world: World, stack: Machine, uploaders: list[Uploader]
) -> None:
    """C-05, SECURITY 4, 8: a kind message, the process alive, others unharmed."""
    one, other = uploaders[:2]
    fields = one.form()
    for pid in warmed(stack, uploaders[5]):
        size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * 4096
        limit = size + 4 * 1024 * 1024
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    sent = one.send(fields, picture(3000, 2000))
    assert sent.status_code == 422
    assert "内存" in sent.text
    assert rows(world, one) == []
    for pid in decoders(stack):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    again = one.send({**fields, "upload_token": uuid.uuid4().hex}, picture())
    assert again.status_code == 303
    assert other.send(other.form(), picture()).status_code == 303
