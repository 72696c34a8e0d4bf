"""`./dev up`: start everything in order, keep it running, stop it all on Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from deploy.local import bootstrap
from deploy.local.machine import Machine
from deploy.local.variables import ROOT

_GREEN, _RESET = ("\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "")


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)


class _Stop(Exception):
    """Somebody asked to stop."""


def _ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
    raise _Stop


def main() -> int:
    """Run until a signal; 0 when stopped, 1 when the start failed."""
    began = time.monotonic()
    home = Path(os.environ.get("HEYAN_HOME") or ROOT / "var").absolute()
    port = int(os.environ.get("PORT") or 8000)
    home.mkdir(parents=True, exist_ok=True)
    (home / "run").mkdir(exist_ok=True, mode=0o700)
    lock = (home / "run" / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another ./dev up already runs in {home}")
        return 1
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _ask_to_stop)
    machine: Machine | None = None
    try:
        machine = Machine(home, port, say)
        if machine.reaped:
            say(f"ended what an earlier run left: {', '.join(machine.reaped)}")
        _refuse_taken(port)
        machine.start_engines(site_too=bootstrap.settled(machine))
        machine.prepare()
        machine.launch_site()
        bootstrap.demo_data(machine)
        machine.wait_web()
        _greet(machine, time.monotonic() - began)
        due: dict[str, tuple[float, float]] = {}
        while True:
            time.sleep(0.2)
            machine.revive(due)
    except _Stop:
        return 0
    except RuntimeError as error:
        say(str(error))
        return 1
    finally:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        if machine is not None:
            say("stopping")
            machine.stop()
        lock.close()


def _refuse_taken(port: int) -> None:
    """Raise `RuntimeError` when someone answers on *port*: two sites would share its requests."""
    with socket.socket() as plug:
        if plug.connect_ex(("127.0.0.1", port)) == 0:
            raise RuntimeError(f"port {port} is taken; choose another: PORT=8001 ./dev up")


def _greet(machine: Machine, seconds: float) -> None:
    say(f"\n{_GREEN}Heyan is up{_RESET} after {seconds:.1f} s: {machine.base_url}")
    say(f"  data and logs  {machine.home}")
    known = machine.home / "demo.json"
    if known.exists():
        demo = json.loads(known.read_text("utf-8"))
        say(f"  who can sign in, with passwords and codes: {known}")
        for name, person in demo.items():
            if isinstance(person, dict) and "password" in person:
                login = person.get("login") or person.get("phone") or person.get("username")
                door = {"student": "account", "organizer": "organizer"}.get(name, "staff")
                say(f"  {name:<16} {login:<14} {person['password']}  /{door}/login")
        say("  everyone but the student also needs a one-time code: ./dev code NAME")
    say("  Ctrl-C stops everything\n")


if __name__ == "__main__":
    sys.exit(main())
