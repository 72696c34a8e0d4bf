"""Someone reads the whole web host: environment, files, memory after requests, database."""

from __future__ import annotations

import io
import secrets
import socket
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from deploy.local.machine import Machine
from deploy.local.processes import wait_until
from heyan.custody.sealing import SealContext
from heyan.documents.models import Document
from tests import memory
from tests.conftest import LiveServer
from tests.enrolment import Person, World, hidden_fields, id_number, picture
from uploads_worker import vault
from uploads_worker.context import Context
from uploads_worker.opening import open_sealed


class LiveClient:
    """Flask's test client in looks, a real connection underneath."""

    def __init__(self, url: str, cookie: str) -> None:
        self.http = httpx.Client(base_url=url, cookies={"heyan_session": cookie}, timeout=60)

    def get(self, path: str, **_options: Any) -> httpx.Response:
        """Open a page."""
        return self.http.get(path)

    def post(self, path: str, *, data: dict[str, Any], **_options: Any) -> httpx.Response:
        """Send a form; file fields as a browser would."""
        files = {
            name: (value[1], value[0].read(), "image/jpeg")
            for name, value in data.items()
            if isinstance(value, tuple) and isinstance(value[0], io.BytesIO)
        }
        fields = {name: value for name, value in data.items() if name not in files}
        return self.http.post(path, data=fields, files=files or None)


@pytest.fixture(scope="module")
def secret_number() -> str:
    """A sound number that nothing else in this test holds."""
    return id_number(order="947")


@pytest.fixture(scope="module")
def stored(
    world: World, context: Context, live_server: LiveServer, secret_number: str
) -> tuple[uuid.UUID, bytes, bytes]:
    """A number and a picture that went through the real web; gives id, original, what is sealed."""
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    known = world.person()
    someone = Person(LiveClient(live_server.url, known.token), known.account_id, known.token)  # type: ignore[arg-type]
    registration = someone.start(event.slug, someone.student())
    someone.answer(registration)
    someone.agree(registration)
    assert someone.number(registration, secret_number).status_code == 303
    original = picture(quality=97)
    sent = someone.upload(registration, original)
    assert sent.status_code == 303, sent.text[:2000]
    document_id = uuid.UUID(sent.headers["Location"].rsplit("/", 1)[1])
    assert someone.post(f"/registrations/{registration}/check").status_code == 303
    someone.client.http.close()  # type: ignore[attr-defined]
    with context.sessions() as session:
        row = session.get_one(Document, document_id)
    inside = open_sealed(
        context.objects.get_sealed(row.object_key),
        private_key=context.keyring.vault_private_key(row.vault_key_id),
        context=SealContext(row.event_id, row.registration_id, row.id, row.kind.value),
        sha256=bytes(row.ciphertext_sha256),
        commitment=bytes(row.commitment),
    )
    return document_id, original, inside


def keys_of(context: Context) -> dict[str, bytes]:
    """Return every private key of the keyring, raw."""
    found = {"root": context.keyring.root.private_bytes_raw()}
    for one in context.keyring.vault_keys():
        if one.status != "destroyed":
            found[one.key_id] = context.keyring.vault_private_key(one.key_id)[:64]
    return found


def test_the_webs_memory_holds_no_key_no_number_and_no_picture(
    stack: Machine,
    context: Context,
    stored: tuple[uuid.UUID, bytes, bytes],
    secret_number: str,
) -> None:
    """SECURITY 10, C-16: the whole memory of every web process after requests."""
    _document, original, inside = stored
    wanted = keys_of(context)
    wanted["number"] = secret_number.encode()
    wanted["number, two bytes a character"] = secret_number.encode("utf-16-le")
    for at in range(1, 9):
        for name, data in (("original", original), ("picture", inside)):
            start = len(data) * at // 10
            wanted[f"{name} at {at}/10"] = data[start : start + 48]
    leader = stack.running["web"].process.pid
    left: set[tuple[int, str]] = set()
    # Nobody comes in between, so nothing is overwritten by chance: only by letting go.
    for _look in range(10):
        found = {pid: memory.find(pid, wanted) for pid in memory.family(leader)}
        assert len(found) >= 2
        left = {(pid, name) for pid, what in found.items() for name in what}
        if not left:
            break
        time.sleep(0.3)
    assert left == set()


def test_the_search_would_see_a_picture_that_is_there(
    stack: Machine, context: Context, world: World, live_server: LiveServer
) -> None:
    """SECURITY 10, C-16: half a picture on its way is found in the process that takes it, and is
    gone from it once its sender has gone. Without this, finding nothing would prove nothing.
    """
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    known = world.person()
    registration = known.ready(event.slug)
    path = f"/registrations/{registration}/documents/id_card_front"
    fields = hidden_fields(known.get(path).text)
    picture_bytes = secrets.token_bytes(700_000)
    wanted = {"picture": picture_bytes[-500_000:-499_952]}
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    begun = (parts + file).encode() + picture_bytes
    where = urlsplit(live_server.url)
    leader = stack.running["web"].process.pid

    def holders() -> list[int]:
        return [pid for pid in memory.family(leader) if memory.find(pid, wanted)]

    assert where.hostname
    with socket.create_connection((where.hostname, where.port or 80)) as plug:
        plug.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\n"
            f"Cookie: heyan_session={known.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {len(begun) + 100_000}\r\n\r\n".encode()
            + begun
        )
        assert wait_until(lambda: len(holders()) == 1, 20, 0.1)
    assert wait_until(lambda: not holders(), 20, 0.1)


def test_the_webs_environment_holds_nothing_of_the_workers(
    stack: Machine, live_server: LiveServer
) -> None:
    """SECURITY 10, C-16: neither variables nor secrets of the worker, in any web process."""
    worker, web = stack.variables.worker(), stack.variables.web()
    secrets = {worker[name] for name in worker.keys() - web.keys()}
    for pid in memory.family(stack.running["web"].process.pid):
        held = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        names = {pair.partition("=")[0] for pair in held}
        assert not names & {*(worker.keys() - web.keys()), "OWNER_DATABASE_URL"}
        assert not {pair.partition("=")[2] for pair in held} & secrets
