"""Decoder children, kept warm, watched, and replaced when one dies of a picture.

One picture at a time goes to a child, over a socket; nothing touches the disk. A child that runs
over its time is killed, one that crashes is buried, and either costs its own upload alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from heyan.custody.decoder import HEADER, receive
from heyan.custody.images import ImageRefused, Limits

SITE = Path(__file__).resolve().parents[2]
# A child is replaced after so many pictures, so that nothing piles up in it.
RECYCLE_AFTER = 500
START_SECONDS = 30.0
# More than these at once are told to come back: beyond it waiting would end in "busy" anyway.
WAITING = 128
BUFFER = 1024 * 1024
# By which signal the kernel ends a child that has worked too long (`decoder._allow_seconds`).
OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGPROF)


class _Gone(Exception):
    """The child died or was killed; ``code`` is what the person is told.

    ``innocent`` when something outside ended it, a machine short of memory for one: no picture
    can do that, since a child's own limits end it in other ways.
    """

    def __init__(self, code: str, *, innocent: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.innocent = innocent


class Child:
    """One decoder process and our end of its socket."""

    def __init__(self, limits: Limits, *, trials: bool) -> None:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        settings = json.dumps(
            {
                "memory_bytes": limits.memory_bytes,
                "cpu_seconds": limits.cpu_seconds,
                "trials": trials,
            }
        )
        start = f"import sys; sys.path.insert(0, {str(SITE)!r})\n"
        start += "from heyan.custody.decoder import serve\nserve()"
        # Nothing of the web's environment, which holds its secrets, goes along.
        # GLIBC_TUNABLES may say that freed memory is overwritten (deploy/local/machine.py).
        kept = ("LD_LIBRARY_PATH", "GLIBC_TUNABLES")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment["LANG"] = "C.UTF-8"
        self._process = subprocess.Popen(  # noqa: S603 # our own interpreter and module
            [sys.executable, "-I", "-B", "-c", start, settings],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        theirs.close()
        self._end = ours
        self._ready = False
        self.served = 0

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Return when the child can work; raises `_Gone`."""
        if not self._ready:
            self._exchange(None, b"", time.monotonic() + START_SECONDS)
            self._ready = True

    def work(
        self, request: dict[str, Any], data: bytes, seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        """Return the child's answer. Raises `_Gone` when there is none within *seconds*."""
        self.wait_ready()
        self.served += 1
        return self._exchange(request, data, time.monotonic() + seconds)

    def _exchange(
        self, request: dict[str, Any] | None, data: bytes, until: float
    ) -> tuple[dict[str, Any], bytes]:
        end = _Timed(self._end, until)
        try:
            if request is not None:
                raw = json.dumps(request).encode()
                end.sendall(HEADER.pack(len(raw), len(data)) + raw)
                end.sendall(data)
            answer = receive(end)  # type: ignore[arg-type] # it asks for recv_into alone
        except TimeoutError:
            self.kill()
            raise _Gone("too_complex") from None
        except OSError:
            answer = None
        if answer is None:
            raise self._cause_of_death()
        return answer

    def _cause_of_death(self) -> _Gone:
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
            return _Gone("decoder_failed")
        if code in (-signal.SIGKILL, -signal.SIGTERM):
            return _Gone("busy", innocent=True)
        return _Gone("too_complex" if code in OUT_OF_TIME else "decoder_failed")

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the process now, and reap it."""
        self._end.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


class _Timed:
    """A socket whose every step ends at one moment, however slowly bytes trickle."""

    def __init__(self, end: socket.socket, until: float) -> None:
        self._end, self._until = end, until

    def _arm(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._end.settimeout(left)

    def recv_into(self, view: memoryview) -> int:
        self._arm()
        return self._end.recv_into(view)

    def sendall(self, data: bytes) -> None:
        self._arm()
        self._end.sendall(data)


class DecoderPool:
    """Up to ``limits.processes`` children; `run` may be called from any thread."""

    def __init__(self, limits: Limits, *, trials: bool = False) -> None:
        self.limits = limits
        self._trials = trials
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._free = threading.Condition()
        self._busy = 0
        self._waiting = 0
        self._closed = False

    def warm(self) -> None:
        """Start the children that are not there yet; returns at once."""
        threading.Thread(target=self._fill, name="decoder-start", daemon=True).start()

    def _fill(self) -> None:
        with self._free:
            missing = self.limits.processes - self._busy - len(self._idle)
            if self._closed or missing <= 0:
                return
            self._busy += missing
        for _one in range(missing):
            try:
                child = self._start()
            except OSError:
                self._give_up_turn()
                continue
            try:
                child.wait_ready()
            except _Gone:
                # The next upload tries again, and says so if that fails too.
                self._discard(child)
            else:
                self._put_back(child)

    def _start(self) -> Child:
        child = Child(self.limits, trials=self._trials)
        with self._free:
            self._all.add(child)
        return child

    def run(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """Return a child's answer to *request* about *data*: its head and the JPEG.

        Raises `ImageRefused` when no child comes free in time, or when it dies of this picture.
        One that something else ended has its picture given to the next, once.
        """
        try:
            return self._run(request, data)
        except _Gone as gone:
            if not gone.innocent:
                raise self._refused(gone) from None
        try:
            return self._run(request, data)
        except _Gone as gone:
            raise self._refused(gone) from None

    def _refused(self, gone: _Gone) -> ImageRefused:
        limit = None if gone.code == "decoder_failed" else self.limits.wall_seconds
        return ImageRefused(gone.code, limit)

    def _run(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        child = self._take()
        try:
            head, made = child.work(request, data, self.limits.wall_seconds)
        except _Gone:
            self._bury(child)
            raise
        except BaseException:
            self._bury(child)
            raise
        self._put_back(child)
        return head, made

    def _take(self) -> Child:
        seconds = float(self.limits.wall_seconds)
        with self._free:
            if self._waiting >= WAITING:
                raise ImageRefused("busy", self.limits.wall_seconds)
            self._waiting += 1
            try:
                came = self._free.wait_for(
                    lambda: self._idle or self._busy < self.limits.processes, timeout=seconds
                )
            finally:
                self._waiting -= 1
            if not came or self._closed:
                raise ImageRefused("busy", self.limits.wall_seconds)
            self._busy += 1
            dead = [child for child in self._idle if child.dead]
            self._idle = [child for child in self._idle if child not in dead]
            self._all.difference_update(dead)
            found = self._idle.pop() if self._idle else None
        for child in dead:
            # Ended while it waited: nobody's picture was in it.
            child.kill()
        if found is not None:
            return found
        try:
            return self._start()
        except BaseException:
            self._give_up_turn()
            raise

    def _give_up_turn(self) -> None:
        with self._free:
            self._busy -= 1
            self._free.notify()

    def _put_back(self, child: Child) -> None:
        if child.served >= RECYCLE_AFTER or self._closed:
            self._bury(child)
            return
        with self._free:
            self._busy -= 1
            self._idle.append(child)
            self._free.notify()

    def _discard(self, child: Child) -> None:
        child.kill()
        with self._free:
            self._all.discard(child)
            self._busy -= 1
            self._free.notify()

    def _bury(self, child: Child) -> None:
        self._discard(child)
        if not self._closed:
            self.warm()

    def pids(self) -> list[int]:
        """Return the children's process ids."""
        with self._free:
            return [child.pid for child in self._all]

    def close(self) -> None:
        """End all children; whoever waits is told that it is busy."""
        with self._free:
            self._closed = True
            children, self._idle = list(self._all), []
            self._free.notify_all()
        for child in children:
            child.kill()


_pools: dict[tuple[int, Limits], DecoderPool] = {}
_pools_lock = threading.Lock()


def default_pool(limits: Limits) -> DecoderPool:
    """Return this process's pool for *limits*; the first call makes it."""
    with _pools_lock:
        # A forked process must not speak into its parent's sockets.
        key = (os.getpid(), limits)
        if key not in _pools:
            _pools[key] = DecoderPool(limits)
            _pools[key].warm()
        return _pools[key]
