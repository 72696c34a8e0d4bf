"""The object store, against a real SeaweedFS with the credentials that web and worker have."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from heyan.custody.objects import (
    ObjectCorrupt,
    ObjectExists,
    ObjectMissing,
    ObjectStore,
    ObjectStoreForbidden,
    ObjectStoreUnavailable,
    new_key,
)
from heyan.settings import Settings

MIB = 1024 * 1024


def test_what_the_web_puts_the_worker_gets(web: ObjectStore, worker: ObjectStore) -> None:
    key, data = new_key(), os.urandom(300_000)
    version = web.put_sealed(key, data)
    digest = hashlib.sha256(data).digest()
    assert worker.get_sealed(key, version, sha256=digest) == data
    assert worker.get_sealed(key, sha256=digest) == data


def test_an_object_is_created_once(web: ObjectStore, worker: ObjectStore) -> None:
    key = new_key()
    web.put_sealed(key, b"first")
    with pytest.raises(ObjectExists):
        web.put_sealed(key, b"second")
    assert worker.get_sealed(key) == b"first"


def test_the_web_can_neither_read_list_nor_delete_what_is_sealed(web: ObjectStore) -> None:
    """C-70, SECURITY 16."""
    key = new_key()
    version = web.put_sealed(key, b"sealed")
    with pytest.raises(ObjectStoreForbidden):
        web.get_sealed(key, version)
    with pytest.raises(ObjectStoreForbidden):
        list(web.list_sealed())
    with pytest.raises(ObjectStoreForbidden):
        web.destroy_sealed(key)


def test_other_bytes_than_were_sealed_are_noticed(worker: ObjectStore) -> None:
    key = new_key()
    worker.put_sealed(key, b"what was put")
    with pytest.raises(ObjectCorrupt):
        worker.get_sealed(key, sha256=hashlib.sha256(b"what was sealed").digest())


def test_what_is_not_there_is_missing(worker: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        worker.get_sealed(new_key())
    with pytest.raises(ObjectMissing):
        worker.open_release(new_key("r"))


def test_destroying_takes_every_version_and_may_run_twice(worker: ObjectStore) -> None:
    """SECURITY 15, H2."""
    key = new_key()
    first = worker.put_sealed(key, b"first")
    # What an attacker with the web's keys could do: lay another version on top.
    worker.client.put_object(Bucket="sealed", Key=key, Body=b"on top")
    worker.client.delete_object(Bucket="sealed", Key=key)
    assert worker.destroy_sealed(key) >= 2
    with pytest.raises(ObjectMissing):
        worker.get_sealed(key, first)
    assert worker.destroy_sealed(key) == 0
    assert [one for one in worker.list_sealed() if one.key == key] == []


def test_destroying_leaves_an_object_whose_key_only_begins_alike(worker: ObjectStore) -> None:
    key = new_key()
    worker.put_sealed(key, b"short")
    worker.put_sealed(key + "00", b"long")
    worker.destroy_sealed(key)
    assert worker.get_sealed(key + "00") == b"long"


def test_the_sweep_sees_every_sealed_object(worker: ObjectStore) -> None:
    prefix = new_key()
    keys = {f"{prefix}/{number}" for number in range(5)}
    for key in keys:
        worker.put_sealed(key, b"x" * 10)
    found = list(worker.list_sealed(prefix))
    assert {one.key for one in found} == keys
    assert {one.size for one in found} == {10}
    assert all(abs(one.modified - datetime.now(UTC)) < timedelta(hours=1) for one in found)


def test_a_release_is_written_in_parts_and_read_by_range(
    worker: ObjectStore, web: ObjectStore
) -> None:
    key, data = new_key("r"), os.urandom(20 * MIB + 12345)
    with worker.release_writer(key, part_bytes=8 * MIB) as out:
        for start in range(0, len(data), 1_000_003):
            out.write(data[start : start + 1_000_003])
    assert out.bytes == len(data)
    assert web.release_bytes(key) == len(data)
    whole = web.open_release(key)
    assert (whole.total, whole.length) == (len(data), len(data))
    assert b"".join(whole.chunks) == data
    part = web.open_release(key, 8 * MIB - 5, 8 * MIB + 99_999)
    assert (part.first, part.last, part.total) == (8 * MIB - 5, 8 * MIB + 99_999, len(data))
    assert b"".join(part.chunks) == data[part.first : part.last + 1]
    tail = web.open_release(key, len(data) - 7, len(data) + 10**9)
    assert b"".join(tail.chunks) == data[-7:]
    with pytest.raises(ValueError):
        web.open_release(key, len(data) + 1)
    assert worker.destroy_release(key) == 1


def test_an_empty_release_is_still_one(worker: ObjectStore) -> None:
    key = new_key("r")
    with worker.release_writer(key):
        pass
    assert worker.release_bytes(key) == 0


def test_a_release_that_fails_half_way_never_appears(worker: ObjectStore) -> None:
    key = new_key("r")
    with (
        pytest.raises(RuntimeError, match="half way"),
        worker.release_writer(key, part_bytes=8 * MIB) as out,
    ):
        out.write(os.urandom(9 * MIB))
        raise RuntimeError("half way")
    with pytest.raises(ObjectMissing):
        worker.release_bytes(key)
    uploads = worker.client.list_multipart_uploads(Bucket="releases").get("Uploads", [])
    assert [one for one in uploads if one["Key"] == key] == []


def test_an_upload_that_was_left_is_swept(worker: ObjectStore) -> None:
    key = new_key("r")
    worker.client.create_multipart_upload(Bucket="releases", Key=key)
    assert worker.abort_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert worker.abort_unfinished(datetime.now(UTC) + timedelta(hours=1)) >= 1


def test_a_store_that_is_away_is_said_to_be_away_within_seconds() -> None:
    """SECURITY 50, C-73."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        store = ObjectStore(address, "local", "a", "b", "sealed", "releases", attempts=2)
        began = time.monotonic()
        with pytest.raises(ObjectStoreUnavailable):
            store.put_sealed(new_key(), b"x")
        assert time.monotonic() - began < 10


def test_a_store_that_says_nothing_does_not_keep_an_upload_waiting(settings: Settings) -> None:
    """C-73: it takes the connection and never answers, as a stopped process does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hung = replace(settings, s3_endpoint=address)
        began = time.monotonic()
        with pytest.raises(ObjectStoreUnavailable):
            ObjectStore.for_web(hung).put_sealed(new_key(), b"x")
        assert time.monotonic() - began < 30


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[ObjectStore]:
    """A store that gives the same answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield ObjectStore(address, "local", "a", "b", "sealed", "releases", attempts=2)
    finally:
        server.shutdown()
        server.server_close()


def test_a_store_that_lies_about_success_is_found_out() -> None:
    """SECURITY 50, C-73."""
    wrong = hashlib.md5(b"something else").hexdigest()
    with answering(200, {"ETag": f'"{wrong}"'}) as store, pytest.raises(ObjectCorrupt):
        store.put_sealed(new_key(), b"what was sent")


def test_a_store_that_fails_is_unavailable() -> None:
    with answering(500, {}) as store, pytest.raises(ObjectStoreUnavailable):
        store.put_sealed(new_key(), b"what was sent")


def test_keys_say_nothing_and_do_not_repeat() -> None:
    """C-67, SECURITY 45, C-21."""
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 42 and key.startswith("d/") for key in keys)
    assert json.dumps(sorted(keys)).isascii()
