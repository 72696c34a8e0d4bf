"""The organizer's scenes: a batch asked for, fetched, verified, opened, decided, published."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from deploy.local.rehearsal.browser import Browser, FilePart, StepFailed
from deploy.local.rehearsal.play import Play, check, wait_for
from deploy.local.rehearsal.sealed_files import (
    decrypted,
    fetched,
    marked_and_clean,
    nobody_else_opens,
)
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
    sealed = fetched(browser, path, manifest)
    play.told(WHO, f"verified the manifest, fetched {len(sealed) / 1e6:.1f} MB in two ranges")
    nobody_else_opens(play, sealed)
    with tempfile.TemporaryDirectory(prefix="heyan-rehearsal-") as folder:
        how, plain = decrypted(Path(folder), play.demo["organizer"]["age_identity_file"], sealed)
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
        marked_and_clean(kind, data, student.pictures[kind])


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
