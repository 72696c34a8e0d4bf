"""The organizer's scenes: a batch asked for, fetched, verified, opened, decided, published."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image, ImageChops, ImageOps, ImageStat

from deploy.local.rehearsal.browser import Browser, FilePart, StepFailed
from deploy.local.rehearsal.play import Play, check, wait_for
from deploy.local.rehearsal.student import Student
from heyan.custody.signing import INDEX_TYPE, MANIFEST_TYPE, verify, verify_detached

WHO = "organizer"
RESULT_COLUMNS = ("document_id", "sha256", "outcome", "reason_code", "reason_text")


@dataclass
class Opened:
    """A batch on the organizer's computer."""

    path: str
    index: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)

    def documents(self, number: str) -> list[dict[str, Any]]:
        """Return the documents of a registration."""
        for one in self.index["registrations"]:
            if one["number"] == number:
                found: list[dict[str, Any]] = one["documents"]
                return found
        raise StepFailed(f"expected: {number} is in the batch")


def signs_in(play: Play) -> Browser:
    """Sign in; without the code nothing opens."""
    person = play.demo["organizer"]
    half = play.browser(WHO)
    page = half.get("/organizer/login")
    half.send(page.form("name", "password"), name=person["login"], password=person["password"])
    page = half.raw("GET", "/organizer/releases")
    check(page.status in (302, 303, 401, 403), page, "the password alone opens no batch")
    browser = play.sign_in("organizer", WHO)
    play.told(WHO, "signed in with password and one-time code (the password alone is not enough)")
    return browser


def asks_for_a_batch(play: Play, browser: Browser, slug: str) -> str:
    """Ask for a batch now, and wait until the worker has made it; return its address."""
    page = play.proven(browser, browser.get("/organizer/releases"), "organizer")
    before = set(page.links(r"/organizer/releases/[0-9a-f-]{36}$"))
    events = browser.get(f"/events/{slug}")
    check(events.status == 200, events, "the event is there")
    form = page.form("event_id")
    page = play.proven(browser, browser.send(form), "organizer")
    check(page.status == 200, page, "the batch is asked for")

    def ready() -> str | None:
        listed = browser.get("/organizer/releases")
        for link in listed.links(r"/organizer/releases/[0-9a-f-]{36}$"):
            if link not in before and browser.get(f"{link}/manifest").status == 200:
                return link
        return None

    made = wait_for(ready, 90, "the worker makes the batch")
    play.told("worker", "made the batch: opened in memory, sealed to the pinned key")
    return made


def opens(
    play: Play, browser: Browser, path: str, students: list[Student], only: list[str] | None = None
) -> Opened:
    """Fetch, verify, open and look through a batch; then acknowledge its manifest."""
    envelope = browser.get(f"{path}/manifest")
    root = Ed25519PublicKey.from_public_bytes(play.root_public_key)
    manifest = json.loads(verify(envelope.text, root, payload_type=MANIFEST_TYPE))
    check(manifest["recipient"] == play.demo["organizer"]["recipient"], None, "it is for this key")
    sealed = _fetched(browser, path, manifest)
    play.told(WHO, f"verified the manifest, fetched {len(sealed) / 1e6:.1f} MB in two ranges")
    _nobody_else_opens(play, sealed)
    with tempfile.TemporaryDirectory(prefix="heyan-rehearsal-") as folder:
        how, plain = _decrypted(Path(folder), play.demo["organizer"]["age_identity_file"], sealed)
        opened = _read(path, plain, root, manifest)
    play.told(WHO, f"opened it with {how}; index signed by the root, {len(opened.pictures)} files")
    for student in students:
        _look(opened, student, only)
    play.told(WHO, "looked: every picture upright and marked, no camera, no place in it")
    page = browser.get(path)
    digest = hashlib.sha256(envelope.body).hexdigest()
    page = play.proven(
        browser, browser.send(page.form("manifest_sha256"), manifest_sha256=digest), "organizer"
    )
    check(page.status == 200, page, "the acknowledgement is taken")
    play.told(WHO, "acknowledged this very manifest")
    return opened


def _fetched(browser: Browser, path: str, manifest: dict[str, Any]) -> bytes:
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


def _nobody_else_opens(play: Play, sealed: bytes) -> None:
    stranger = pyrage.x25519.Identity.generate()
    try:
        pyrage.decrypt(sealed, [stranger])
    except pyrage.DecryptError:
        play.told("stranger", "tried another organizer's key: it does not open")
        return
    raise StepFailed("expected: another key does not open the batch")


def _decrypted(folder: Path, identity: str, sealed: bytes) -> tuple[str, bytes]:
    """Decrypt with Debian's age where there is one."""
    tool = shutil.which("age")
    if tool is None:
        text = Path(identity).read_text("utf-8")
        secret = re.search(r"AGE-SECRET-KEY-1[0-9A-Z]+", text)
        check(secret, None, "the identity file holds an identity")
        key = pyrage.x25519.Identity.from_str(secret[0] if secret else "")
        return "pyrage", pyrage.decrypt(sealed, [key])
    source, target = folder / "batch.age", folder / "batch.zip"
    source.write_bytes(sealed)
    done = subprocess.run(
        [tool, "-d", "-i", identity, "-o", str(target), str(source)],
        check=False,
        capture_output=True,
        text=True,
    )
    check(done.returncode == 0, None, f"age opens the batch: {done.stderr.strip()[:200]}")
    version = subprocess.run([tool, "--version"], check=False, capture_output=True, text=True)
    return f"age {version.stdout.strip()}", target.read_bytes()


def _read(path: str, plain: bytes, root: Ed25519PublicKey, manifest: dict[str, Any]) -> Opened:
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        check(archive.testzip() is None, None, "the ZIP is whole")
        names = archive.namelist()
        text = archive.read("index.json")
        signature = archive.read("index.json.sig").decode()
        verify_detached(signature, text, root, payload_type=INDEX_TYPE)
        digest = hashlib.sha256(text).hexdigest()
        check(digest == manifest["index_sha256"], None, "the index is the one of the manifest")
        for name in ("README.txt", "index.csv", "index.html"):
            check(name in names, None, f"{name} lies in the batch")
        pictures = {name: archive.read(name) for name in names if name.startswith("pictures/")}
    return Opened(path, json.loads(text), pictures)


def _look(opened: Opened, student: Student, only: list[str] | None) -> None:
    documents = {one["kind"]: one for one in opened.documents(student.number)}
    wanted = set(only or student.documents)
    check(set(documents) == wanted, None, f"the batch holds {', '.join(sorted(wanted))} of it")
    for one in opened.index["registrations"]:
        if one["number"] == student.number:
            check(one["name"] == student.person.name, None, "the name came through")
            check(one["id_number"] == student.person.number, None, "the ID number came through")
    for kind, document in documents.items():
        check(document["state"] == "included", None, f"{kind} is included")
        check(document["document_id"] == student.documents[kind], None, f"{kind} is the latest")
        data = opened.pictures[document["path"]]
        check(hashlib.sha256(data).hexdigest() == document["jpeg_sha256"], None, "digest fits")
        _marked_and_clean(kind, data, student.pictures[kind])


def _marked_and_clean(kind: str, data: bytes, sent: bytes) -> None:
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


def decides(
    play: Play, browser: Browser, opened: Opened, student: Student, returned: dict[str, str]
) -> None:
    """Hand in a result file, look at its preview, and publish."""
    rows = io.StringIO()
    writer = csv.DictWriter(rows, RESULT_COLUMNS)
    writer.writeheader()
    for document in opened.documents(student.number):
        reason = returned.get(document["kind"])
        writer.writerow(
            {
                "document_id": document["document_id"],
                "sha256": document["sha256"],
                "outcome": "returned" if reason else "accepted",
                "reason_code": "glare" if reason else "",
                "reason_text": reason or "",
            }
        )
    page = browser.get(opened.path)
    target = page.links(r"/results")
    check(target, page, "the batch leads to its results")
    page = browser.get(target[0])
    file = FilePart("results.csv", rows.getvalue().encode("utf-8-sig"), "text/csv")
    page = play.proven(browser, browser.send(page.form("file"), file=file), "organizer")
    check(page.status == 200, page, "the result file is read")
    form = page.form("rows", "publish")
    check("publish" not in form.values, page, "publishing is a choice of its own")
    play.told(WHO, "handed in a result file and saw its preview")
    ticked = form.options["publish"][0]
    page = play.proven(browser, browser.send(form, publish=ticked), "organizer")
    check(page.status == 200, page, "the results are published")
    what = f"returned {', '.join(returned)} with a reason" if returned else "accepted everything"
    play.told(WHO, f"published: {what}")
