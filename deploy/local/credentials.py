"""Secrets and ports that a machine makes up once and keeps (files of mode 0600 in HEYAN_HOME)."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str) -> None:
    """Write *text* to *path* whole or not at all, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(path.name + ".partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def remember(path: Path, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what stands in *path*; what *make* offers and is not there yet is added."""
    kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    offered = make()
    if set(offered) <= set(kept):
        return kept
    kept = {**offered, **kept}
    write_private(path, json.dumps(kept, indent=1))
    return kept


def free_port() -> int:
    """Return a loopback port that nothing listens on now.

    It lies below those that the system hands out to outgoing connections, so that none of them
    takes it before it is listened on.
    """
    for _ in range(100):
        port = 15_000 + secrets.randbelow(17_000)
        if _usable(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        handed_out: int = probe.getsockname()[1]
    return handed_out


def _usable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ports(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Return this home's ports by name; one that another program took since moves."""
    kept: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        port = kept.get(name, 0)
        while not port or port in chosen.values() or not _usable(port):
            port = free_port()
        chosen[name] = port
    if {**kept, **chosen} != kept:
        write_private(path, json.dumps({**kept, **chosen}, indent=1))
    return chosen
