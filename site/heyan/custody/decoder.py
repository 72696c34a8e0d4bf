"""The decoder child: one picture after another over one socket, in a process of its own.

Started by `heyan.custody.pool` as a fresh interpreter. It holds no key and no name, may write no
file, has no network where the system allows that, and ends when the web's end of the socket does.
Each message is a length of the head (4 bytes), a length of the data (8 bytes), the head as JSON,
and the data.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import math
import os
import resource
import signal
import socket
import struct
import sys
import time
from typing import Any

HEADER = struct.Struct("!IQ")
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
M_ARENA_MAX, M_MMAP_THRESHOLD = -8, -3
OPEN_FILES = 32


def receive(end: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """Return the next message, or None when the other side is gone."""
    raw = _exactly(end, HEADER.size)
    if raw is None:
        return None
    head_length, data_length = HEADER.unpack(raw)
    head, data = _exactly(end, head_length), _exactly(end, data_length)
    if head is None or data is None:
        return None
    return json.loads(head), data


def _exactly(end: socket.socket, length: int) -> bytes | None:
    # Filled in place and given out as it lies there: a picture is not copied once more.
    buffer, done = io.BytesIO(bytes(length)), 0
    with buffer.getbuffer() as view:
        while done < length:
            count = end.recv_into(view[done:])
            if count == 0:
                return None
            done += count
    return buffer.getvalue()


def send(end: socket.socket, head: dict[str, Any], data: bytes) -> None:
    """Send one message."""
    raw = json.dumps(head).encode()
    end.sendall(HEADER.pack(len(raw), len(data)) + raw)
    end.sendall(data)


def _confine(memory_bytes: int) -> None:
    """Give up what decoding needs not. What the system refuses to take, the rest stands in for."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Pictures lie in blocks that go back to the system, zeroed, as soon as they are done with.
    libc.mallopt(M_MMAP_THRESHOLD, 32 * 1024)
    libc.mallopt(M_ARENA_MAX, 1)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    # Address space also counts the libraries and what is reserved, not used: those come on top.
    mapped = int(_status("VmSize")) * 1024
    whole = mapped + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (whole, whole))


def _status(name: str) -> str:
    with open("/proc/self/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123 # no pathlib here
        for line in lines:
            if line.startswith(f"{name}:"):
                return line.split()[1]
    return "0"


def _allow_seconds(seconds: int, fewer: int) -> None:
    """Let the kernel end this process after *seconds* more of work, or after *fewer* unless 0."""
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used) + seconds, resource.RLIM_INFINITY))
    # Counts work as well, and not in whole seconds; nobody handles its signal.
    signal.setitimer(signal.ITIMER_PROF, fewer)


def _warm_up() -> None:
    """Import and open all that a picture may need, before anything is given up."""
    import pillow_heif
    import pypdfium2
    from PIL import Image

    from heyan.custody import marking

    del pillow_heif
    pypdfium2.PdfDocument.new().close()
    sample = Image.new("RGB", (64, 64))
    marking.draw(sample, ["预备"])
    Image.init()


def serve() -> None:
    """Answer until the web's end closes. The one argument is the settings as JSON."""
    from heyan.custody import raster

    settings = json.loads(sys.argv[1])
    end = socket.socket(fileno=0)
    _warm_up()
    _confine(settings["memory_bytes"])
    gc.collect()
    gc.freeze()
    send(end, {"ready": os.getpid()}, b"")
    while (message := receive(end)) is not None:
        request, data = message
        del message
        _allow_seconds(settings["cpu_seconds"], request.get("seconds", 0))
        made = b""
        try:
            if "trial" in request and settings["trials"]:
                _suffer(request["trial"])
            head, made = raster.process(request, data)
        except raster.Refused as refused:
            head = {"refused": [refused.code, refused.limit, refused.measured]}
        except MemoryError:
            head = {"refused": ["too_complex", settings["memory_bytes"], None]}
        del request, data
        try:
            send(end, head, made)
        except OSError:
            return
        del head, made
        gc.collect(0)


def _suffer(trial: str) -> None:
    """Do what a broken decoder would (C-05). Only a pool made with ``trials`` asks for it."""
    if trial == "segfault":
        ctypes.string_at(0)
    elif trial == "loop":
        while True:
            pass
    elif trial == "sleep":
        time.sleep(3600)
    elif trial == "memory":
        _held = bytearray(2 * 1024**3)
    elif trial == "network":
        with contextlib.closing(socket.create_connection(("127.0.0.1", 9), timeout=1)):
            pass
    elif trial == "file":
        with open("/tmp/heyan-decoder-trial", "wb") as out:  # noqa: PTH123, S108 - must fail
            out.write(b"x")


if __name__ == "__main__":
    serve()
