"""Files for one key: fetched, held to their manifest, opened, and their pictures looked at."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyrage
from PIL import Image, ImageChops, ImageOps, ImageStat

from deploy.local.rehearsal.browser import Browser, StepFailed
from deploy.local.rehearsal.play import Play, check


def fetched(browser: Browser, path: str, manifest: dict[str, Any]) -> bytes:
    """Fetch the file that lies at *path* in two ranges, and hold it to its manifest."""
    size = int(manifest["file"]["bytes"])
    half = size // 2
    parts = []
    for span in (f"0-{half - 1}", f"{half}-"):
        part = browser.raw("GET", f"{path}/file", Range=f"bytes={span}")
        check(part.status == 206, part, "a range of the file comes")
        check("attachment" in part.headers["content-disposition"], part, "it is a download")
        parts.append(part.body)
    sealed = b"".join(parts)
    check(len(sealed) == size, None, "the file is as long as the manifest says")
    digest = hashlib.sha256(sealed).hexdigest()
    check(digest == manifest["file"]["sha256"], None, "the file is the one of the manifest")
    step = int(manifest["file"]["segment_bytes"])
    pieces = [sealed[at : at + step] for at in range(0, size, step)]
    digests = [hashlib.sha256(piece).hexdigest() for piece in pieces]
    check(digests == manifest["file"]["segments"], None, "so is each segment")
    return sealed


def nobody_else_opens(play: Play, sealed: bytes) -> None:
    """Try another key: it must not open the file."""
    stranger = pyrage.x25519.Identity.generate()
    try:
        pyrage.decrypt(sealed, [stranger])
    except pyrage.DecryptError:
        play.told("stranger", "tried another key: it does not open")
        return
    raise StepFailed("expected: another key does not open the file")


def decrypted(folder: Path, identity: str, sealed: bytes) -> tuple[str, bytes]:
    """Decrypt *sealed* with Debian's age where there is one; return with what, and the content.

    *identity* is the path of the identity file; *folder* is cleared by the caller.
    """
    tool = shutil.which("age")
    if tool is None:
        text = Path(identity).read_text("utf-8")
        secret = re.search(r"AGE-SECRET-KEY-1[0-9A-Z]+", text)
        check(secret, None, "the identity file holds an identity")
        key = pyrage.x25519.Identity.from_str(secret[0] if secret else "")
        return "pyrage", pyrage.decrypt(sealed, [key])
    source, target = folder / "sealed.age", folder / "opened.zip"
    source.write_bytes(sealed)
    done = subprocess.run(
        [tool, "-d", "-i", identity, "-o", str(target), str(source)],
        check=False,
        capture_output=True,
        text=True,
    )
    check(done.returncode == 0, None, f"age opens it: {done.stderr.strip()[:200]}")
    version = subprocess.run([tool, "--version"], check=False, capture_output=True, text=True)
    return f"age {version.stdout.strip()}", target.read_bytes()


def marked_and_clean(kind: str, data: bytes, sent: bytes) -> None:
    """Hold a picture to what was promised: upright, marked, and nothing in it but its pixels."""
    with Image.open(io.BytesIO(data)) as seen, Image.open(io.BytesIO(sent)) as before:
        check(seen.format == "JPEG", None, f"{kind} is a JPEG")
        check(not seen.getexif() and "exif" not in seen.info, None, f"{kind} has no EXIF")
        check(b"Example" not in data[:4096], None, f"{kind} does not name the camera")
        check(seen.width > seen.height, None, f"{kind} is upright")
        check(1400 <= max(seen.size) <= 2800, None, f"{kind} is of a readable size")
        upright = ImageOps.exif_transpose(before).convert("RGB").resize(seen.size)
        changed = ImageChops.difference(seen.convert("RGB"), upright).convert("L")
        part = sum(changed.histogram()[12:]) / (seen.width * seen.height)
        mean = ImageStat.Stat(changed).mean[0]
        check(part > 0.01 and mean > 0.5, None, f"{kind} carries the mark ({part:.3f})")
