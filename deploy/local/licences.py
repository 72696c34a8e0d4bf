"""Prints docs/licences.md from what is installed: ``python -m deploy.local.licences``."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FIRST = """# Licences

Everything that the site runs on, with the licence each package names itself. Made from what is
installed (`python -m deploy.local.licences > docs/licences.md`); a test holds it to the lock.

| package | version | licence |
|---|---|---|
"""
BESIDE = """
Also inside: Noto Sans SC, cut to the signs of the mark (SIL Open Font License 1.1, its text in
`site/heyan/custody/assets/OFL.txt`), and in `static/vendor/age-encryption`, with their texts in
its `LICENSES.txt`. The wheel of pillow-heif brings libheif and libde265 (LGPL-3.0), which read
HEIC, and the encoder x265 (GPL-2.0), which nothing here calls; who hands the site on as a whole
looks at that first.

"""
# Packages that do not name theirs where a program can read it; read from the text they bring.
READ = {"pyrage": "MIT", "python-dateutil": "Apache-2.0 OR BSD-3-Clause"}
_LINE = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)


def locked(name: str = "requirements.txt") -> dict[str, set[str]]:
    """Return the versions that a lock names for each package."""
    found: dict[str, set[str]] = {}
    for package, version in _LINE.findall((ROOT / name).read_text("utf-8")):
        found.setdefault(package, set()).add(version)
    return found


def licence(package: str) -> str:
    """Return the licence that an installed package names."""
    if package in READ:
        return READ[package]
    about: Any = metadata.metadata(package)  # its type knows less than the object
    classes = [
        one.rpartition("::")[2].strip()
        for one in about.get_all("Classifier", [])
        if one.startswith("License ::")
    ]
    named = about.get("License", "").strip()
    short = named if named and "\n" not in named and "Copyright" not in named else ""
    return about.get("License-Expression") or short or ", ".join(classes)


def page() -> str:
    """Return docs/licences.md."""
    lines = []
    for package, versions in sorted(locked().items()):
        lines.append(f"| {package} | {', '.join(sorted(versions))} | {licence(package)} |\n")
    texts = (ROOT / "static/vendor/age-encryption/LICENSES.txt").read_text("utf-8")
    beside = [f"- {named}\n" for named in re.findall(r"^== (.+) ==$", texts, re.MULTILINE)]
    return FIRST + "".join(lines) + BESIDE + "".join(beside)


if __name__ == "__main__":
    print(page(), end="")
