"""Pages a second: home, an event, the lead form, sign-in and a custody page.

The floor is a bare Flask application under the same server with the same options, which sends the
same queries and renders the same template with the same values (`_floor.py`). 16 connections,
five rounds, taken in turn; the medians are compared. Prints ``name value floor ratio``.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _load
import _site

from deploy.local import credentials, processes
from deploy.local.machine import Machine
from deploy.local.processes import Program

CONNECTIONS = 16
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))


@contextlib.contextmanager
def floor(machine: Machine, pages: dict[str, tuple[str, str]]) -> Iterator[int]:
    """Run the bare application beside the site; yield its port."""
    port = credentials.free_port()
    web = machine.web_program()
    command = [str(port) if part == str(machine.port) else part for part in web.command]
    command[-1] = "bench._floor:app"
    variables = {**web.environment, "BENCH_PAGES": json.dumps(list(pages.values()))}
    program = Program("floor", command, variables, web.folder)
    running = processes.start(machine.home, program, say=lambda _line: None)
    try:
        request = [lambda _turn: _load.get("/account/login", port)]

        def up() -> bool:
            if not running.alive():
                raise SystemExit((machine.home / "log" / "floor.log").read_text("utf-8")[-3000:])
            return _load.run(port, request, 0.2).answers > 0

        if not processes.wait_until(up, 60, pause=0.3):
            raise SystemExit("the floor did not start")
        yield port
    finally:
        running.stop()


def main() -> None:
    with _site.running() as (machine, _demo):
        from _people import custody_page

        custody, cookie = custody_page(machine)
        pages = {
            "home": ("/", ""),
            "event": ("/events/huabei-kechuang-12", ""),
            "lead_form": ("/leads/new", ""),
            "sign_in": ("/account/login", ""),
            "custody": (custody, cookie),
        }
        with floor(machine, pages) as port:
            for name, (path, its_cookie) in pages.items():
                found: dict[int, list[_load.Outcome]] = {machine.port: [], port: []}
                for _round in range(ROUNDS):
                    for each, outcomes in found.items():
                        request = _load.get(path, each, its_cookie)
                        makers = [lambda _turn, r=request: r] * CONNECTIONS
                        outcomes.append(_load.run(each, makers, SECONDS))
                for each, who in ((machine.port, "the site"), (port, "the floor")):
                    if errors := sum(one.errors for one in found[each]):
                        raise SystemExit(f"page.{name}: {errors} errors of {who}")
                site, bare = (
                    statistics.median(one.per_second for one in found[each])
                    for each in (machine.port, port)
                )
                _site.line(f"page.{name}", site, bare)


if __name__ == "__main__":
    main()
