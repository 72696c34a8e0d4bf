"""The units of production run the web as it is tested here."""

from __future__ import annotations

from pathlib import Path

from deploy.local.machine import FORGETFUL, Machine

UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "heyan-web.service"
HERE_ONLY = {"--port", "--workers", "--workers-kill-timeout", "--respawn-interval"}


def test_the_web_runs_in_production_as_it_does_here(tmp_path: Path) -> None:
    """C-16, C-63: the same bounds on threads, connections and headers, the same memory habits."""
    unit = UNIT.read_text("utf-8")
    (line,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    there = line.split()
    here = Machine(tmp_path, 1, say=lambda _line: None).web_program().command
    for at, word in enumerate(here):
        if not word.startswith("--") or word in HERE_ONLY:
            continue
        assert word in there, word
        value = here[at + 1]
        if not value.startswith("--") and value != "wsgi:app":
            assert there[there.index(word) + 1] == value, word
    for name, value in FORGETFUL.items():
        assert f"{name}={value}" in unit
