"""The units of production run the web as it is tested here, and the worker apart from it."""

from __future__ import annotations

import ast
from pathlib import Path

from deploy.local.machine import FORGETFUL, Machine

ROOT = Path(__file__).parents[3]
UNIT = ROOT / "deploy" / "systemd" / "heyan-web.service"
WORKER = UNIT.with_name("heyan-worker.service")
# Who starts a program, always one that a setting names or our own; no argument is a person's.
STARTS = {
    "site/heyan/custody/pool.py",
    "site/heyan/scanning.py",
    "uploads_worker/keeping/backup.py",
    "uploads_worker/keeping/restore.py",
    "uploads_worker/keyring_file.py",
}
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


def _said(unit: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in unit.read_text("utf-8").splitlines())
    return {name: value for name, equals, value in lines if equals and not name.startswith("#")}


def test_the_worker_is_a_user_of_its_own_who_writes_its_keyring_alone() -> None:
    """C-77: no other's user, code read-only, no way to more rights."""
    worker, web = _said(WORKER), _said(UNIT)
    assert worker["User"] not in (web["User"], "root", "")
    assert (worker["ProtectSystem"], worker["NoNewPrivileges"]) == ("strict", "yes")
    assert worker["ReadWritePaths"] == "/var/lib/heyan-worker"
    assert not worker["WorkingDirectory"].startswith(worker["ReadWritePaths"])


def test_no_job_and_no_page_starts_a_shell() -> None:
    """C-77: programs are started in five places, without a shell; nothing is made code of."""
    found, shells = set(), []
    for path in (*(ROOT / "site/heyan").rglob("*.py"), *(ROOT / "uploads_worker").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.startswith(("subprocess.", "asyncio.create_subprocess", "os.spawn", "Popen")):
                found.add(name)
            if called in ("os.system", "os.popen", "eval", "exec") or any(
                word.arg == "shell" for word in node.keywords
            ):
                shells.append(f"{name}:{node.lineno}")
    assert found == STARTS
    assert shells == []
