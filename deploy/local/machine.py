"""One machine as a whole: engines, migrations, bootstrap, and the two processes of the site.

`./dev up`, the tests and the benchmarks all start from here.
"""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.local import bootstrap, credentials, processes, seaweedfs
from deploy.local.postgres import STOP, Postgres, PostgresError
from deploy.local.processes import Program, Running
from deploy.local.seaweedfs import SeaweedError, SeaweedFS
from deploy.local.variables import ROOT, Variables

ORDER = ("web", "worker", "weed", "postgres")
# What the web frees is overwritten or given back at once: no picture and no number of a request
# that is over stays in its memory (SECURITY 10; tests/adversarial/custody/test_host.py looks).
# Python's own pools of small objects never overwrite, so it allocates from glibc; the server's
# buffers are jemalloc's.
FORGETFUL = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=65536:glibc.malloc.perturb=165"
    ":glibc.malloc.tcache_count=0",
    "_RJEM_MALLOC_CONF": "junk:free",
}
# How the engines say that a port of theirs is taken.
TAKEN = ("Port allocation failed", "could not bind", "address already in use")
PORTS = ("postgres", *(f"weed.{name}" for name in seaweedfs.PORTS))


class Machine:
    """The site on this machine, in one folder, with the web on one port."""

    def __init__(self, home: Path, port: int, say: Callable[[str], None] = print) -> None:
        self.home = home.absolute()
        self.port = port
        self.say = say
        self.home.mkdir(parents=True, exist_ok=True)
        self.reaped = processes.reap(
            self.home, {name: STOP if name == "postgres" else signal.SIGTERM for name in ORDER}
        )
        self.base_url = f"http://127.0.0.1:{port}"
        self.running: dict[str, Running] = {}
        self._choose_ports()

    def _choose_ports(self) -> None:
        chosen = credentials.ports(self.home / "ports.json", PORTS)
        self.postgres = Postgres(self.home, chosen.pop("postgres"))
        self.objects = SeaweedFS(self.home, chosen)
        self.variables = Variables(self.home, self.base_url, self.postgres, self.objects)

    # --- engines -----------------------------------------------------------------------------

    def start_engines(self, *, site_too: bool = False) -> None:
        """Start database and object store together and wait for both.

        With *site_too* web and worker start meanwhile, where nothing is to be made for them first:
        they have much to read before they ask an engine for anything.

        A port that another program took between the choice and the start is chosen anew, once.
        """
        try:
            self._start_engines(site_too=site_too)
        except (PostgresError, SeaweedError) as error:
            if not any(sign in str(error) for sign in TAKEN):
                raise
            self.say("a port was taken meanwhile; starting again on others")
            self.stop()
            (self.home / "ports.json").unlink(missing_ok=True)
            self._choose_ports()
            self._start_engines(site_too=site_too)

    def _start_engines(self, *, site_too: bool) -> None:
        self.postgres.prepare()
        self.objects.prepare()
        self.launch(self.postgres.program())
        self.launch(self.objects.program())
        if site_too:
            self.launch_site()
        self.postgres.wait(self.running["postgres"])
        self.postgres.ensure_roles()
        self.objects.wait(self.running["weed"])
        self.variables.write_files()

    def prepare(self) -> None:
        """Migrate and make keyring and root where that was not done yet."""
        bootstrap.run(self)

    # --- the site ----------------------------------------------------------------------------

    def web_program(self) -> Program:
        """Return the web server: two processes, bounded queues, HTTP/1."""
        options = {
            "interface": "wsgi",
            "host": "127.0.0.1",
            "port": self.port,
            "http": 1,
            "workers": max(1, min(os.cpu_count() or 1, 4)),
            "blocking-threads": 64,
            "backlog": 1024,
            # Counts connections, idle ones too: slow clients must not fill it (C-63).
            "backpressure": 1024,
            "http1-header-read-timeout": 10_000,
            # Headers end at 16 KiB; and a small buffer keeps no more than that of an upload.
            "http1-buffer-size": 16_384,
            "respawn-interval": 0.5,
            "workers-kill-timeout": 8,
            "log-level": "error",
        }
        flags = ["--no-ws", "--respawn-failed-workers", "--no-http1-pipeline-flush"]
        listed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return Program(
            name="web",
            command=[sys.executable, "-m", "granian", *listed, *flags, "wsgi:app"],
            environment={**self.variables.process(self.variables.web()), **FORGETFUL},
            folder=ROOT,
            aloud=True,
        )

    def worker_program(self) -> Program:
        """Return the worker; it listens nowhere."""
        return Program(
            name="worker",
            command=[sys.executable, "-m", "uploads_worker", "run"],
            environment=self.variables.process(self.variables.worker()),
            folder=ROOT,
            aloud=True,
        )

    def launch(self, program: Program) -> Running:
        """Start *program* under its name."""
        self.running[program.name] = processes.start(self.home, program, self.say)
        return self.running[program.name]

    def start_site(self) -> None:
        """Start web and worker and wait until the web is ready."""
        self.launch_site()
        self.wait_web()

    def launch_site(self) -> None:
        """Start web and worker where they do not run yet."""
        for program in (self.web_program(), self.worker_program()):
            if program.name not in self.running:
                self.launch(program)

    def wait_web(self, seconds: float = 60) -> None:
        """Wait until the web says that it is ready; `RuntimeError` when it ends or hangs."""
        web = self.running["web"]
        came = processes.wait_until(lambda: not web.alive() or self._ready(), seconds, pause=0.05)
        if not came or not web.alive():
            log = (self.home / "log" / "web.log").read_text("utf-8", "replace")
            raise RuntimeError("the web did not start:\n" + log[-4000:])

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def run(self, variables: dict[str, str], *arguments: str, given: str = "") -> str:
        """Run a command of the site to its end and return what it printed.

        Raises `RuntimeError` with its output when it fails.
        """
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.variables.process(variables),
            cwd=ROOT,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shown = " ".join(arguments)
            raise RuntimeError(f"{shown} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return done.stdout

    # --- watching and stopping ---------------------------------------------------------------

    def revive(self, due: dict[str, tuple[float, float]]) -> None:
        """Start again what ended by itself, ever more slowly while it keeps ending.

        *due* holds per program when to try next, and the pause after that.
        """
        for name, one in list(self.running.items()):
            if one.alive():
                continue
            now = time.monotonic()
            when, pause = due.get(name, (now, 0.2))
            if now - one.started > 60:
                when, pause = now, 0.2
            if now < when:
                continue
            self.say(f"{name} ended ({one.process.returncode}); starting it again")
            one.clear()
            due[name] = (now + pause, min(pause * 2, 10))
            self.launch(one.program)

    def stop(self) -> None:
        """Stop everything, the site before the engines."""
        for name in ORDER:
            if name in self.running:
                self.running.pop(name).stop()
