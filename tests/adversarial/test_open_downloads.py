"""A slow download over the wire, while the right to it is taken away."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.accounts import sessions
from heyan.approvals import requests
from heyan.custody.objects import ObjectStore
from heyan.releases import downloads
from heyan.settings import Settings
from heyan.viewings import keys
from tests.conftest import LiveServer
from tests.enrolment import World
from tests.exports import a_lead, agreed, asked, built
from tests.organizer import batch, member
from tests.releases import Batches
from tests.viewings import Reader, approve, ask, reader, viewing_of
from tests.worker import context, submit, world
from uploads_worker import viewings
from uploads_worker.context import Context

__all__ = ["context", "world"]

# More than every buffer on the way holds.
SIZE = 64 << 20
FIRST = 1 << 20


def make_large(world: World, context: Context, table: str, row_id: uuid.UUID) -> None:
    """Put a file in the place of the small one; nobody opens it."""
    (row,) = world.rows(f"SELECT object_key FROM {table} WHERE id = :i", i=row_id)
    body = os.urandom(1 << 20) * (SIZE >> 20)
    store = context.objects
    store.client.put_object(Bucket=store.releases_bucket, Key=row.object_key, Body=body)
    with world.owner.begin() as connection:
        connection.execute(
            text(f"UPDATE {table} SET file_bytes = :n, file_sha256 = :d WHERE id = :i"),
            {"n": SIZE, "d": hashlib.sha256(body).digest(), "i": row_id},
        )


def had(server: LiveServer, token: str, path: str, cut: Callable[[], None] | None) -> int:
    """Download slowly; *cut* once the first bytes are here. Return how many bytes came."""
    place = urlsplit(server.url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    client.settimeout(30)
    with client:
        client.connect((place.hostname, place.port))
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {place.netloc}\r\nCookie: heyan_session={token}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = client.makefile("rb")
        assert b" 200 " in answer.readline()
        while answer.readline().strip():
            pass
        come = len(answer.read(FIRST))
        if cut is not None:
            cut()
            # This is what makes it slow: the next look of the server falls due meanwhile.
            time.sleep(downloads.LOOK_SECONDS + 0.5)
        while some := answer.read1(1 << 20):
            come += len(some)
    return come


@pytest.fixture
def clerk(world: World, context: Context) -> Reader:
    """A clerk with a pinned key."""
    return reader(world, context)


@pytest.fixture
def viewing(world: World, context: Context, clerk: Reader) -> tuple[uuid.UUID, uuid.UUID]:
    """A document that was opened for the clerk: the request and the viewing."""
    request = ask(world, clerk, submit(world, context).document_id)
    approve(world, request)
    found = viewing_of(world, clerk, request).id
    viewings.build_viewing(context, found)
    make_large(world, context, "viewings", found)
    return request, found


def test_a_slow_download_comes_whole_while_nothing_is_taken_away(
    world: World, live_server: LiveServer, clerk: Reader, viewing: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """C-51: what the other tests are measured against."""
    path = f"/staff/viewings/{viewing[1]}/file"
    assert had(live_server, clerk.colleague.token, path, lambda: None) == SIZE


@pytest.mark.parametrize("how", ["approval", "session", "account", "role", "key"])
def test_an_open_viewing_ends_over_the_wire(
    world: World,
    live_server: LiveServer,
    clerk: Reader,
    viewing: tuple[uuid.UUID, uuid.UUID],
    how: str,
) -> None:
    """C-51: the approval, session, account, role or key goes; so does the rest of the file."""
    request, viewing_id = viewing
    who = clerk.account_id

    def cut() -> None:
        with world.session() as session:
            if how == "approval":
                requests.end(session, clerk.colleague.actor, request)
            elif how == "session":
                sessions.end_all(session, who)
            elif how == "key":
                (own,) = [one for one in keys.of_account(session, who) if one.ended_at is None]
                keys.revoke(session, clerk.colleague.actor, who, own.id, reason="lost")
        with world.owner.begin() as connection:
            if how == "account":
                connection.execute(
                    text("UPDATE accounts SET status = 'disabled' WHERE id = :a"), {"a": who}
                )
            elif how == "role":
                connection.execute(
                    text("DELETE FROM account_roles WHERE account_id = :a"), {"a": who}
                )

    path = f"/staff/viewings/{viewing_id}/file"
    assert had(live_server, clerk.colleague.token, path, cut) < SIZE // 2
    assert clerk.colleague.get(path).status_code in (302, 403, 404)


def test_an_open_export_ends_over_the_wire(
    world: World, live_server: LiveServer, context: Context, clerk: Reader
) -> None:
    """C-51, S-093: a list that was approved, whose approval ends."""
    a_lead(world, clerk)
    request = asked(clerk)
    agreed(world, request)
    made = built(world, context, clerk, request)
    make_large(world, context, "viewings", made.id)

    def cut() -> None:
        with world.session() as session:
            requests.end(session, clerk.colleague.actor, request)

    path = f"/staff/viewings/{made.id}/file"
    assert had(live_server, clerk.colleague.token, path, cut) < SIZE // 2


@pytest.mark.parametrize("how", ["session", "agreement"])
def test_an_open_batch_ends_over_the_wire(
    world: World,
    live_server: LiveServer,
    context: Context,
    app: Flask,
    settings: Settings,
    web_engine: Engine,
    owner_engine: Engine,
    how: str,
) -> None:
    """C-51, S-098: a member is signed out, or the organizer's agreement no longer counts."""
    batches = Batches(context, web_engine, owner_engine, ObjectStore.for_web(settings))
    organizer = batches.organizer()
    release, _people = batch(batches, organizer, ("王小满",))
    make_large(world, context, "releases", release.id)
    with Session(web_engine, expire_on_commit=False) as session:
        owner = member(app, settings, session, organizer.organization_id)

    def cut() -> None:
        with world.owner.begin() as connection:
            if how == "session":
                connection.execute(
                    text("UPDATE login_sessions SET revoked_at = now() WHERE account_id = :a"),
                    {"a": owner.account_id},
                )
            else:
                connection.execute(
                    text("UPDATE agreements SET status = 'suspended' WHERE organization_id = :o"),
                    {"o": organizer.organization_id},
                )

    path = f"/organizer/releases/{release.id}/file"
    assert had(live_server, owner.token, path, cut) < SIZE // 2
    (row,) = world.rows("SELECT state FROM releases WHERE id = :r", r=release.id)
    assert row.state == "offered"
