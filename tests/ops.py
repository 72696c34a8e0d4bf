"""A site of a test's own, to be stopped, killed and robbed of its engines."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg

from deploy.local import processes
from deploy.local.postgres import Postgres
from deploy.local.processes import wait_until
from deploy.local.variables import ROOT

SLUG = "huabei-kechuang-12"
# What a test from one address would run into, and hashes that cost little.
RAISED = {
    "LEAD_SOURCE_PER_HOUR": "1000000",
    "LOGIN_SOURCE_PER_MINUTE": "1000000",
    "LOGIN_SOURCE_PER_HOUR": "1000000",
    "REGISTER_SOURCE_PER_HOUR": "1000000",
    "UPLOADS_PER_HOUR": "1000000",
    "UPLOADS_PER_DAY": "1000000",
    "ARGON2_MEMORY_KIB": str(12 * 1024),
    "ARGON2_PASSES": "1",
}


def environment(home: Path, port: int, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what `./dev` is started with."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    chosen = {"HEYAN_HOME": str(home), "PORT": str(port), "HEYAN_VENV": sys.prefix}
    return {**kept, **chosen, **(more or {})}


class Site:
    """`./dev up` in a folder of its own, as a person starts it."""

    def __init__(self, home: Path, port: int, more: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self.environment = environment(home, port, more)
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def start(self, seconds: float = 90) -> None:
        """Start and wait for the line that says it is up."""
        up = threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "dev"), "up"],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        process = self.process

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                self.output.append(line.rstrip())
                if "Heyan is up" in line:
                    up.set()
            up.set()

        threading.Thread(target=listen, daemon=True).start()
        came = up.wait(seconds)
        assert came, "\n".join(self.output[-40:])
        assert process.poll() is None, "\n".join(self.output[-40:])

    def pid(self, name: str) -> int:
        """Return the process id of web, worker, weed or postgres, 0 when there is none now."""
        with contextlib.suppress(OSError, ValueError):
            return int(json.loads((self.home / "run" / f"{name}.json").read_text("utf-8"))["pid"])
        return 0

    def pids(self) -> set[int]:
        """Return every process of this site, the supervisor aside."""
        leaders = {self.pid(name) for name in ("web", "worker", "weed", "postgres")} - {0}
        return {one for leader in leaders for one in processes.session_members(leader)}

    def demo(self) -> dict[str, Any]:
        """Return demo.json."""
        found: dict[str, Any] = json.loads((self.home / "demo.json").read_text("utf-8"))
        return found

    def answers(self, path: str = "/readyz") -> bool:
        """Tell whether *path* answers with 200."""
        return ask(self.port, path) == 200

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until database, jobs and objects answer again."""
        assert wait_until(self.answers, seconds, 0.1), "\n".join(self.output[-40:])

    def interrupt(self, sign: signal.Signals = signal.SIGINT) -> int:
        """Send Ctrl-C (or another signal) to the supervisor alone; return its exit code."""
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(60)

    def stop(self) -> None:
        """Stop whatever still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
        for name in ("web", "worker", "weed", "postgres"):
            if pid := self.pid(name):
                processes.end_session(pid)


def owner(site: Site) -> psycopg.Connection[tuple[object, ...]]:
    """Connect to a site's database as the owner, who sees every table."""
    ports = json.loads((site.home / "ports.json").read_text("utf-8"))
    return psycopg.connect(Postgres(site.home, ports["postgres"]).url("owner"))


def variables(site: Site, name: str) -> dict[str, str]:
    """Return what a process of the site was told."""
    lines = (site.home / "env" / f"{name}.env").read_text("utf-8").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: "".join(shlex.split(value)) for key, _equals, value in pairs}


def ask(port: int, path: str) -> int:
    """Return the status of a GET, 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


# What a failing store answers: to everything when in `TO_ALL`, else to puts.
ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "broken": (500, {}, b""),
    "full": (507, {}, b""),
    "lie": (200, {"ETag": '"' + "0" * 32 + '"'}, b""),
    "expired": (403, {}, b"<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>"),
    "denied": (403, {}, b"<Error><Code>AccessDenied</Code><Message>denied</Message></Error>"),
}
TO_ALL = ("broken", "expired")


class LyingStore:
    """A proxy before the object store that can be away, or lie about what it kept.

    ``mode`` is pass, away (closes the connection), broken (500), full (its disk), lie (confirms
    a put that it never did, with another ETag), expired (the credentials) or denied (to put).
    """

    def __init__(self, endpoint: str) -> None:
        self.mode = "pass"
        host, _colon, port = endpoint.removeprefix("http://").partition(":")
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if self.headers.get("Expect", "").lower() == "100-continue":
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(length)
                if owner.mode == "away":
                    self.close_connection = True
                    self.connection.close()
                elif owner.mode in TO_ALL or (owner.mode in ANSWERS and self.command == "PUT"):
                    self._answer(*ANSWERS[owner.mode])
                else:
                    self._forward(body)

            def _forward(self, body: bytes) -> None:
                connection = http.client.HTTPConnection(host, int(port), timeout=30)
                kept = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for name, value in kept.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                found = connection.getresponse()
                content = found.read()
                headers = {
                    k: v
                    for k, v in found.getheaders()
                    if k.lower() not in ("transfer-encoding", "connection", "content-length")
                }
                self._answer(found.status, headers, content, found.getheader("Content-Length"))
                connection.close()

            def _answer(
                self, status: int, headers: dict[str, str], body: bytes, length: str | None = None
            ) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                shown = length if self.command == "HEAD" and length else str(len(body))
                self.send_header("Content-Length", shown)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _handle  # noqa: N815 - its base's names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def being(self, mode: str) -> Iterator[None]:
        """Be *mode* for a while."""
        self.mode = mode
        try:
            yield
        finally:
            self.mode = "pass"

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
