"""How long `./dev up` takes to answer: in an empty folder, and again in the same one.

The virtual environment is there already; making it measures the network. The floor is the two
engines alone, started and ready, which no start can go below. Prints ``name value floor ratio``,
seconds; the second start is the median of three.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "site"))

from deploy.local import credentials  # noqa: E402
from deploy.local.machine import Machine  # noqa: E402


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    return False


def up(home: Path, port: int) -> float:
    """Start the site, wait until it is ready, stop it; return the seconds until it was ready."""
    began = time.monotonic()
    site = subprocess.Popen(
        [sys.executable, str(ROOT / "dev"), "up"],
        env={**os.environ, "HEYAN_HOME": str(home), "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert site.stdout is not None
        for line in site.stdout:
            if "Heyan is up" in line and answers(port):
                return time.monotonic() - began
        raise SystemExit(f"./dev up ended: {site.wait()}")
    finally:
        site.send_signal(signal.SIGINT)
        site.communicate(timeout=60)


def engines(home: Path) -> float:
    """Return the seconds the two engines alone take in a folder that has its data."""
    began = time.monotonic()
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    try:
        machine.start_engines()
        return time.monotonic() - began
    finally:
        machine.stop()


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="heyan-bench-"))
    port = credentials.free_port()
    try:
        first = up(home, port)
        floors, seconds = [], []
        for _round in range(3):
            floors.append(engines(home))
            seconds.append(up(home, port))
        floor, second = statistics.median(floors), statistics.median(seconds)
        print(f"start.first {first:.2f} {floor:.2f} {first / floor:.2f}")
        print(f"start.second {second:.2f} {floor:.2f} {second / floor:.2f}")
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
