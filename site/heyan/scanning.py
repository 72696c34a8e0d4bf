"""The hook for a scanner of the operator's: a program that reads a file and says what it thinks.

``SCAN_COMMAND`` is run once a file without a shell, reads it from standard input and answers by
its exit code: 0 is clean, 1 is infected, anything else is no answer. Without an answer nothing is
taken (ASVS 5.4.3, C-14). The file goes by as it streams in and is written nowhere.
"""

from __future__ import annotations

import shlex
import subprocess
from types import TracebackType
from typing import Self

CLEAN, INFECTED = 0, 1
PATIENCE_SECONDS = 60.0


class Infected(Exception):
    """The scanner found something in the file."""


class ScannerAway(Exception):
    """The scanner did not start, broke off, took too long, or gave no answer that is known."""


class Scan:
    """One file's way past the scanner: a context manager; `feed` it all, then ask `verdict`.

    With an empty *command* nothing is run and every file passes.
    """

    def __init__(self, command: str, *, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._program: subprocess.Popen[bytes] | None = None
        if not command:
            return
        try:
            self._program = subprocess.Popen(  # noqa: S603 - the operator's own command, no shell
                shlex.split(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                close_fds=True,
            )
        except (OSError, ValueError) as error:
            raise ScannerAway from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._program is not None and self._program.poll() is None:
            self._program.kill()
            self._program.wait()
        if self._program is not None and self._program.stdin is not None:
            try:
                self._program.stdin.close()
            except OSError:
                # It went away with bytes unread; its exit code has said what it thought.
                return

    def feed(self, data: bytes) -> None:
        """Give the scanner the next bytes. One that has made up its mind may stop reading."""
        if self._program is None or self._program.stdin is None:
            return
        try:
            self._program.stdin.write(data)
        except (BrokenPipeError, ValueError):
            # Its answer counts, not its appetite.
            return
        except OSError as error:
            raise ScannerAway from error

    def verdict(self) -> None:
        """Return when the file is clean; raises `Infected` or `ScannerAway`."""
        if self._program is None:
            return
        try:
            if self._program.stdin is not None:
                self._program.stdin.close()
        except BrokenPipeError:
            pass
        try:
            answer = self._program.wait(self._patience)
        except subprocess.TimeoutExpired as error:
            raise ScannerAway from error
        if answer == INFECTED:
            raise Infected
        if answer != CLEAN:
            raise ScannerAway


def scan(command: str, data: bytes, *, patience: float = PATIENCE_SECONDS) -> None:
    """Let the scanner see a whole file that is in memory; raises `Infected`, `ScannerAway`."""
    with Scan(command, patience=patience) as going:
        going.feed(data)
        going.verdict()
