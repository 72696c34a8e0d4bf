"""Start, watch and stop programs so that none outlives its supervisor.

Each program leads its own session. Linux ends it when the supervisor dies (PR_SET_PDEATHSIG);
what still escapes (children of a killed program) is found at the next start by the file its pid
was written to, which also holds its start time, so that a pid used again is never mistaken.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


@dataclass
class Program:
    """What is run: command, whole environment, and how it is asked to stop."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    user: int | None = None
    group: int | None = None
    aloud: bool = False


@dataclass
class Running:
    """A program that was started, and what is left to do when it ends."""

    program: Program
    process: subprocess.Popen[bytes]
    note: Path
    pump: threading.Thread | None = None
    started: float = field(default_factory=time.monotonic)

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to stop, wait, and end whatever of it is left."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.program.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.program.stop_seconds)
        self.clear()

    def clear(self) -> None:
        """End what is left of its session and forget its pid."""
        end_session(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.note.unlink(missing_ok=True)


def start(home: Path, program: Program, say: Callable[[str], None] = print) -> Running:
    """Start *program*; its output goes to ``log/NAME.log``, and to *say* if it is to be heard."""
    for name in ("log", "run"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    log = (home / "log" / f"{program.name}.log").open("ab")
    signal_at_death = int(program.stop_signal)

    def follow_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal_at_death, 0, 0, 0)

    process = subprocess.Popen(
        program.command,
        env=dict(program.environment),
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program.aloud else log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=program.user,
        group=program.group,
        extra_groups=[] if program.user is not None else None,
        preexec_fn=follow_parent,  # noqa: PLW1509 - one thread starts programs
    )
    note = home / "run" / f"{program.name}.json"
    note.write_text(
        json.dumps({"pid": process.pid, "born": born(process.pid), "boot": boot()}), "utf-8"
    )
    running = Running(program, process, note)
    if program.aloud and process.stdout is not None:
        running.pump = threading.Thread(
            target=_pump, args=(process.stdout, log, program.name, say), daemon=True
        )
        running.pump.start()
    else:
        log.close()
    return running


def _pump(source: IO[bytes], log: IO[bytes], name: str, say: Callable[[str], None]) -> None:
    with source, log:
        for line in source:
            log.write(line)
            log.flush()
            say(f"{name:>7} | {line.decode(errors='replace').rstrip()}")


def boot() -> str:
    """Return what tells this boot of the machine from others."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def born(pid: int) -> int:
    """Return when *pid* was born (clock ticks since boot), 0 when there is none."""
    found = _stat(pid)
    return int(found[19]) if found and found[0] != "Z" else 0


def session_members(leader: int) -> list[int]:
    """Return the living processes of the session that *leader* opened."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            found = _stat(int(entry.name))
            if found and found[0] != "Z" and int(found[3]) == leader:
                members.append(int(entry.name))
    return members


def end_session(leader: int) -> None:
    """Kill whatever still runs in the session that *leader* opened."""
    for pid in session_members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def reap(home: Path, names: Mapping[str, signal.Signals]) -> list[str]:
    """End what an earlier supervisor of *home* left running; return the names of what was."""
    left = []
    for name, polite in names.items():
        note = home / "run" / f"{name}.json"
        if not note.exists():
            continue
        try:
            known = json.loads(note.read_text("utf-8"))
            pid, since, where = int(known["pid"]), int(known["born"]), str(known["boot"])
        except (ValueError, KeyError):
            note.unlink()
            continue
        leader = born(pid)
        ours = where == boot() and since and leader in (0, since)
        members = [each for each in session_members(pid) if born(each) >= since] if ours else []
        if members:
            left.append(name)
            if leader:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, polite)
                wait_until(lambda pid=pid: not born(pid), 10)  # type: ignore[misc]
            end_session(pid)
        note.unlink(missing_ok=True)
    return left


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Wait until *condition* holds; return whether it did within *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
