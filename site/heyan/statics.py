"""Static files: read once, sent compressed, under addresses that change with their content.

The version stands in the path (``/static/<version>/js/page.js``), so that what a script imports by
a relative address carries it too, and a browser never mixes scripts of two releases.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, abort, request

FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "public, no-cache"
_KINDS = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".py": "text/x-python",
}
_NOT_OURS = frozenset({"__pycache__", "node_modules"})
_VERSION = re.compile(r"[0-9a-f]{12}")
_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"(\.[^"]+)";', re.MULTILINE)


@dataclass(frozen=True)
class File:
    """One file as it is sent."""

    data: bytes
    small: bytes | None
    digest: str
    mimetype: str


class Statics:
    """The files of a folder, held in memory: they are few and small."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = (path for path in sorted(folder.rglob("*")) if path.is_file())
        self.files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in found
            if not _NOT_OURS & set(path.parts)
        }
        lines = "".join(f"{file.digest}  {name}\n" for name, file in self.files.items())
        self.version = hashlib.sha256(lines.encode()).hexdigest()[:12]

    def path(self, name: str) -> str:
        """Return *name* below the version; raises `KeyError` for a file that is not there."""
        self.files[name]
        return f"{self.version}/{name}"

    def imports(self, name: str) -> list[str]:
        """Return what script *name* imports, and what that imports, nearest first."""
        found: list[str] = []
        waiting = [name]
        while waiting:
            script = waiting.pop(0)
            for address in _IMPORT.findall(self.files[script].data.decode()):
                other = posixpath.normpath(posixpath.join(posixpath.dirname(script), address))
                if other != name and other not in found:
                    found.append(other)
                    waiting.append(other)
        return found

    def send(self, filename: str) -> Response:
        """Answer with a file, named with its version, without, or with one that is past."""
        version, _slash, name = filename.partition("/")
        file = self.files.get(name if _VERSION.fullmatch(version) else filename)
        if file is None:
            abort(404)
        packed = file.small is not None and request.accept_encodings["gzip"] > 0
        response = Response(file.small if packed else file.data, mimetype=file.mimetype)
        if file.small is not None:
            response.headers["Vary"] = "Accept-Encoding"
        if packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Cache-Control"] = FOREVER if version == self.version else ASK_AGAIN
        response.set_etag(file.digest[:32] + ("-gz" if packed else ""))
        response.make_conditional(request)
        return response


def init(app: Flask, folder: Path) -> Statics:
    """Serve *folder* under ``/static/`` and return what is in it."""
    held = Statics(folder)
    app.add_url_rule("/static/<path:filename>", "static", held.send)
    return held


def _read(path: Path) -> File:
    data = path.read_bytes()
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    text = path.suffix in _KINDS
    small = gzip.compress(data, 9, mtime=0) if text else None
    if small is not None and len(small) > len(data) * 0.9:
        small = None
    digest = hashlib.sha256(data).hexdigest()
    return File(data, small, digest, kind or "application/octet-stream")
