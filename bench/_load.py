"""A closed loop of HTTP/1.1 clients in a process of its own: requests a second, p99, errors.

Each connection sends its next request when the answer to the last has come. Requests are given as
whole bytes, so that the client costs little beside the server it measures.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Request = bytes


@dataclass(frozen=True)
class Outcome:
    """What one run gave."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    answers: int


def get(path: str, port: int, cookie: str = "") -> Request:
    """Return a GET of *path* as bytes."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: bench",
        "Accept: text/html",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path: str, port: int, body: bytes, kind: str, cookie: str = "") -> Request:
    """Return a POST of *body* as bytes."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: http://127.0.0.1:{port}",
        "Sec-Fetch-Site: same-origin",
        "User-Agent: bench",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status, length, chunked = int(head[9:12]), 0, False
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            chunked = b"chunked" in value.lower()
    if chunked:
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    elif length:
        await reader.readexactly(length)
    return status


async def _connection(
    port: int,
    make: Callable[[int], Request],
    turn: int,
    until: float,
    seen: list[float],
    good: Sequence[int],
) -> int:
    errors, writer, reader = 0, None, None
    count = turn * 1_000_000
    while time.monotonic() < until:
        request = make(count)
        count += 1
        began = time.monotonic()
        try:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            writer.write(request)
            await writer.drain()
            status = await asyncio.wait_for(_answer(reader), 60)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            errors, writer = errors + 1, None
            continue
        seen.append(time.monotonic() - began)
        errors += status not in good
    if writer is not None:
        writer.close()
    return errors


async def _drive(
    port: int, makers: Sequence[Callable[[int], Request]], seconds: float, good: Sequence[int]
) -> Outcome:
    seen: list[float] = []
    began = time.monotonic()
    found = await asyncio.gather(
        *(
            _connection(port, make, turn, began + seconds, seen, good)
            for turn, make in enumerate(makers)
        )
    )
    took = time.monotonic() - began
    seen.sort()
    at = lambda part: seen[min(len(seen) - 1, int(len(seen) * part))] * 1000 if seen else 0.0  # noqa: E731
    return Outcome(len(seen) / took, at(0.5), at(0.99), sum(found), len(seen))


def run(
    port: int,
    makers: Sequence[Callable[[int], Request]],
    seconds: float,
    good: Sequence[int] = (200,),
) -> Outcome:
    """Run one connection for each of *makers* for *seconds*, in a process of its own."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()

    def drive() -> None:
        theirs.send(asyncio.run(_drive(port, makers, seconds, good)))

    process = context.Process(target=drive)
    process.start()
    outcome: Outcome = mine.recv()
    process.join()
    return outcome
