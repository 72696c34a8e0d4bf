"""The list of digests of the organizer desk's scripts, for the worker to sign and docs to publish.

Whoever controls the web host could change the desk's script (threat model); this list lets anyone
compare what a browser was given with what was released.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict

FORMAT = "heyan-desk-bundle/1"
_FOLDERS = ("js/organizer", "vendor/age-encryption")


class BundleFile(TypedDict):
    """One script: its path under ``static/``, its size in bytes, its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


class BundleDigest(TypedDict):
    """The files in order of path, and one digest over their lines."""

    format: str
    files: list[BundleFile]
    sha256: str


def desk_bundle_digest(static_dir: Path | str) -> BundleDigest:
    """Return the digests of every script the desk and the key page may load.

    ``sha256`` is over the lines ``<sha256>  <path>\\n``, as ``sha256sum`` prints them, sorted by
    path: ``sha256sum -c`` takes the same lines. Raises `FileNotFoundError` if a folder is missing.
    """
    root = Path(static_dir)
    files: list[BundleFile] = []
    for folder in _FOLDERS:
        if not (root / folder).is_dir():
            raise FileNotFoundError(root / folder)
        for path in (root / folder).rglob("*.js"):
            data = path.read_bytes()
            name = path.relative_to(root).as_posix()
            files.append(
                {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            )
    files.sort(key=lambda one: one["path"])
    lines = "".join(f"{one['sha256']}  {one['path']}\n" for one in files)
    return {"format": FORMAT, "files": files, "sha256": hashlib.sha256(lines.encode()).hexdigest()}
