"""The site for a measurement: engines, demo data, web and worker in a folder of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "site"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from deploy.local import bootstrap, credentials  # noqa: E402
from deploy.local.machine import Machine  # noqa: E402

# Limits by source would stop a measurement that comes from one address.
RAISED = {
    "LEAD_SOURCE_PER_HOUR": "100000000",
    "LEAD_SOURCE_PER_DAY": "100000000",
    "LEAD_SITE_PER_MINUTE": "100000000",
    "LOGIN_SOURCE_PER_MINUTE": "1000000",
    "LOGIN_SOURCE_PER_HOUR": "1000000",
    "REGISTER_SOURCE_PER_HOUR": "1000000",
    "UPLOADS_PER_HOUR": "1000000",
    "UPLOADS_PER_DAY": "1000000",
    "UPLOAD_BYTES_PER_DAY": str(10**15),
    "REPLACEMENTS_PER_DAY": "1000000",
    # Making many accounts is not what is measured.
    "ARGON2_MEMORY_KIB": str(12 * 1024),
    "ARGON2_PASSES": "1",
}


@contextlib.contextmanager
def running() -> Iterator[tuple[Machine, dict[str, Any]]]:
    """Start the site with raised limits and demo data; stop it and remove its folder."""
    os.environ.update(RAISED)
    home = Path(tempfile.mkdtemp(prefix="heyan-bench-"))
    machine = Machine(home, credentials.free_port(), say=lambda _line: None)
    try:
        machine.start_engines()
        machine.prepare()
        machine.start_site()
        bootstrap.demo_data(machine)
        yield machine, json.loads((home / "demo.json").read_text("utf-8"))
    finally:
        machine.stop()
        shutil.rmtree(home, ignore_errors=True)


def line(name: str, value: float, floor: float) -> None:
    """Print one figure: name, value, floor, ratio."""
    print(f"{name} {value:.2f} {floor:.2f} {value / floor if floor else 0:.2f}", flush=True)
