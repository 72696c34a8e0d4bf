"""Prints docs/settings.md from the declarations: ``python -m deploy.local.settings_table``."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

from heyan.environment import Declaration, declarations
from heyan.settings import Settings
from uploads_worker.settings import WorkerSettings

FIRST = """# Settings

Every process reads its settings from the environment, once, when it starts; a process that is
missing one, or in production has an unsafe one, names all of them and does not start. This page is
made from the declarations (`python -m deploy.local.settings_table > docs/settings.md`) and a test
holds it to them.

*Needed* says where a setting has no default: everywhere, or in production alone. Secrets never
appear in logs or error messages.
"""


def _default(item: dataclasses.Field[Any], declared: Declaration) -> str:
    # How many cores there are is not the same everywhere.
    if item.name == "decoder_processes":
        return "one a core, 8 at most"
    value = item.default
    if value is dataclasses.MISSING or value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, tuple):
        shown = ", ".join(map(str, value))
    elif isinstance(value, (Path, date)):
        shown = str(value)
    else:
        shown = f"{value}"
    return f"`{shown}`{' ' + declared.unit if declared.unit else ''}"


def _row(item: dataclasses.Field[Any], declared: Declaration) -> str:
    needed = ""
    if item.default is dataclasses.MISSING:
        needed = "everywhere"
    elif declared.production:
        needed = "production"
    notes = "; ".join(filter(None, ["secret" if declared.secret else "", declared.source]))
    cells = (f"`{declared.name}`", declared.doc, _default(item, declared), needed, notes)
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """Return the whole page."""
    web = {declared.name for _item, declared in declarations(Settings)}
    worker = {declared.name for _item, declared in declarations(WorkerSettings)}
    parts = (
        ("Web and worker", Settings, web & worker),
        ("Web alone", Settings, web - worker),
        ("Worker alone", WorkerSettings, worker - web),
    )
    lines = [FIRST]
    for title, kind, wanted in parts:
        lines += [f"## {title}", "| setting | what it is | default | needed | notes |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(i, d) for i, d in declarations(kind) if d.name in wanted]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(), end="")
