"""Request bodies: a file part never touches the disk (C-13, DESIGN 2 rule 7).

Werkzeug spools parts above 500 KB into a temporary file. Here they stay in memory, and what may
be in memory at once is bounded over all requests of the process.
"""

from __future__ import annotations

import ctypes
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from flask import Request, request
from flask_babel import gettext as _
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    RequestEntityTooLarge,
    ServiceUnavailable,
)
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Response

CHUNK = 64 * 1024
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 20.0
WAIT_SECONDS = 2.0
# mallopt's name for the size from which a block is a mapping of its own.
M_MMAP_THRESHOLD = -3
GIVE_BACK_BYTES = 32 * 1024


class FormParser(FormDataParser):
    """Forms without files, held to the bounds that Werkzeug keeps for forms with files alone.

    A picture may have thirty megabytes; sent as text between ``&`` they would be fifteen million
    fields (C-03).
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        """Return stream, fields and files; raises `RequestEntityTooLarge` beyond the bounds."""
        if mimetype == "application/x-www-form-urlencoded":
            stream = io.BytesIO(self._bounded(stream))
        return super().parse(stream, mimetype, content_length, options)

    def _bounded(self, stream: IO[bytes]) -> bytes:
        most = self.max_form_memory_size
        body = bytearray()
        while piece := stream.read(CHUNK):
            body += piece
            if most is not None and len(body) > most:
                raise RequestEntityTooLarge
        if self.max_form_parts is not None and body.count(b"&") >= self.max_form_parts:
            raise RequestEntityTooLarge
        return bytes(body)


class MemoryRequest(Request):
    """A request whose file parts are kept in memory; ``max_content_length`` bounds them."""

    form_data_parser_class = FormParser

    def _get_file_stream(self, *_args: Any, **_about: Any) -> IO[bytes]:
        return io.BytesIO()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body as JSON; one nested beyond all depth is malformed like any other."""
        try:
            return super().get_json(force, silent, cache)
        except RecursionError:
            if silent:
                return None
            raise BadRequest from None


class Seats:
    """How many bodies of a kind may be on their way in this process at once (SECURITY 44, C-63).

    The server hands a request on when its heads are there, and the thread that answers waits for
    the body. Bodies that trickle would hold every thread; so some are kept from ever waiting for
    one, and whoever only reads is served whatever others send.
    """

    def __init__(self, count: int, *, waiting: int, seconds: float = WAIT_SECONDS) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._queue = threading.BoundedSemaphore(waiting)
        self._seconds = seconds

    @contextmanager
    def one(self) -> Iterator[None]:
        """Sit down to read a body; raises `TooManyArriving` (503) when none becomes free soon."""
        if isinstance(request.environ["wsgi.input"], io.BytesIO):
            # It is here already.
            yield
            return
        if not (self._free.acquire(blocking=False) or self._wait()):
            raise TooManyArriving
        try:
            yield
        finally:
            self._free.release()

    def _wait(self) -> bool:
        if not self._queue.acquire(blocking=False):
            return False
        try:
            return self._free.acquire(timeout=self._seconds)
        finally:
            self._queue.release()


class TooManyArriving(ServiceUnavailable):
    """Other requests are still being sent; the page says to try again in a moment."""

    def __init__(self) -> None:
        super().__init__(
            description=_("现在发送的人很多，您填写的内容还在上一页：请几秒钟后再提交。"),
            retry_after=5,
        )


# Of the sixty-four threads that answer in a process, some never wait for a body. Pictures queue
# longer than forms: they come in a rush on the last day, and sending one again costs more.
FORMS, FILES = Seats(12, waiting=8), Seats(8, waiting=30, seconds=10.0)


class TooMuchInFlight(Exception):
    """Other uploads hold the memory; try again shortly."""


def forget_large_blocks() -> None:
    """Let every block that may hold a piece of a picture go back to the system when it is freed.

    By default the C library keeps freed memory, contents and all, and a dump of the process
    hours later would show the picture (C-16).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, GIVE_BACK_BYTES)


class InFlight:
    """A bound on the sum of bytes that requests hold at once in this process."""

    def __init__(self, limit: int) -> None:
        forget_large_blocks()
        self.limit = limit
        self.held = 0
        self._free = threading.Condition()

    @contextmanager
    def hold(self, count: int, *, wait_seconds: float) -> Iterator[None]:
        """Hold *count* bytes of the bound; raises `TooMuchInFlight` after *wait_seconds*."""
        count = min(count, self.limit)
        with self._free:
            if not self._free.wait_for(
                lambda: self.held + count <= self.limit, timeout=wait_seconds
            ):
                raise TooMuchInFlight
            self.held += count
        try:
            yield
        finally:
            with self._free:
                self.held -= count
                self._free.notify_all()


def allow_body(*, max_bytes: int, max_parts: int, max_field_bytes: int) -> None:
    """Let the present request carry a file of up to *max_bytes*, in place of the form limits."""
    request.max_content_length = max_bytes
    request.max_form_parts = max_parts
    request.max_form_memory_size = max_field_bytes


def drain_after(response: Response) -> Response:
    """Answer now, then read and forget what the client is still sending.

    A server that closes with unread bytes in its buffer resets the connection, and the browser
    shows an error of its own instead of our page. Bounded in bytes and time.
    """
    stream: Any = request.environ["wsgi.input"]
    terminated = request.environ.get("wsgi.input_terminated", False)
    declared = request.content_length or 0
    left = DRAIN_BYTES if terminated else min(declared, DRAIN_BYTES)
    body = response.get_data()

    def send() -> Iterator[bytes]:
        yield body
        remaining, until = left, time.monotonic() + DRAIN_SECONDS
        while remaining > 0 and time.monotonic() < until:
            try:
                piece = stream.read(min(CHUNK, remaining))
            except (OSError, ClientDisconnected, RequestEntityTooLarge):
                return
            if not piece:
                return
            remaining -= len(piece)

    response.response = send()
    response.content_length = len(body)
    return response
