"""A dispute: a clerk needs to see a document, two others agree, and its owner reads of it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image, ImageChops

from deploy.local.rehearsal.browser import Answer, Browser
from deploy.local.rehearsal.play import Play, check, wait_for
from deploy.local.rehearsal.sealed_files import (
    decrypted,
    fetched,
    marked_and_clean,
    nobody_else_opens,
)
from deploy.local.rehearsal.student import Student
from heyan.custody.signing import VIEWING_INDEX_TYPE, VIEWING_TYPE, verify, verify_detached

CLERK, OFFICER, ADMINISTRATOR = "service", "privacy_officer", "administrator"
SAID = "来电说证件照片被认错，要求复核，称呼小舟妈妈"
NEEDED = "来电人称号码末位被认错，需对照原图核对"
SETTLED = "对照后确认无误，来电人表示理解"
VIEWING = r"/staff/viewings/[0-9a-f]{8}-[0-9a-f-]{27}$"
LINE = "/staff/approvals/"


def is_settled(play: Play, clerk: Browser, student: Student, kind: str, before: bytes) -> None:
    """Play the dispute about the student's document of *kind* from the call to its end.

    *before* is the picture as the organizer had it, with the organizer's mark alone.
    """
    play.personal += [SAID, NEEDED, SETTLED]
    contact = _written_down(play, clerk, student)
    earlier = _ready(clerk)
    request = _asked_for(play, clerk, student, kind)
    officer = play.sign_in(OFFICER, "privacy")
    _first_word(play, officer, request)
    check(_ready(clerk) == earlier, None, "one word alone opens nothing")
    _second_word(play, request)

    def made() -> str | None:
        found = _ready(clerk)
        return found if found != earlier else None

    viewing = wait_for(made, 60, "the worker makes the viewing")
    play.told("worker", "opened it for the clerk's own pinned key, marked with the clerk's name")
    _opened(play, clerk, viewing, student, kind, before)
    for who, other in (("privacy", officer), ("student", student.browser)):
        answer = other.raw("GET", f"{viewing}/file")
        check(answer.status in (302, 303, 403, 404), answer, f"{who} cannot fetch it")
    _told(play, student, kind)
    _over(play, clerk, request, viewing)
    _closed(play, clerk, contact)


def _written_down(play: Play, clerk: Browser, student: Student) -> str:
    page = clerk.get("/staff/contacts/new")
    form = page.form("channel", "kind", "registration", "note")
    page = clerk.send(
        form, channel="call", kind="dispute", registration=student.number, note=SAID,
        consent="refused",
    )  # fmt: skip
    check(re.search(r"/staff/contacts/[0-9a-f-]{36}$", page.path), page, "the dispute is written")
    check(SAID not in page.words, page, "what was said is masked")
    check("材料不会销毁" in page.words, page, "the document's clock stands")
    play.told(CLERK, "wrote a dispute into the contact log; the documents' clock stands still")
    return page.path


def _record(browser: Browser, student: Student) -> Answer:
    page = browser.get(f"{LINE}records")
    page = browser.send(page.form("number"), number=student.number)
    check(page.status == 200, page, "the registration is found by its number")
    return page


def _ask(browser: Browser, page: Answer, document: str) -> Answer:
    """Choose the document on the registration's page and ask to see it."""
    page = browser.send(page.form("kind", "id"), id=document)
    form = page.form("scenario", "purpose", "note", "hours")
    return browser.send(form, scenario="registrations", purpose="dispute", note=NEEDED, hours="1")


def _asked_for(play: Play, clerk: Browser, student: Student, kind: str) -> str:
    page = _record(clerk, student)
    check(student.person.name not in page.words, page, "the name is masked")
    check(student.person.number not in page.text, page, "no ID number is on the page")
    page = _ask(clerk, page, student.documents[kind])
    check(re.search(LINE + "[0-9a-f-]{36}$", page.path), page, "the request is on its way")
    answer = clerk.raw("GET", f"{page.path}/decide")
    check(answer.status == 403, answer, "the requester decides nothing")
    play.told(CLERK, f"asked to see {kind} with a purpose; may not decide it: 403")
    return page.path


def _says_yes(play: Play, browser: Browser, role: str, request: str) -> Answer:
    page = play.proven(browser, browser.get(f"{request}/decide"), role)
    form = page.form("verdict", "reason")
    return browser.send(form, verdict="approve", reason="目的明确，范围最小")


def _first_word(play: Play, officer: Browser, request: str) -> None:
    page = _says_yes(play, officer, OFFICER, request)
    check(page.status == 200 and page.path == request, page, "the officer says yes")
    check("等待管理员决定" in page.words, page, "another word is needed")
    again = _says_yes(play, officer, OFFICER, request)
    check(again.status == 403, again, "nobody counts twice")
    play.told("privacy", "approved; tried to count twice: 403; one word alone opens nothing")


def _second_word(play: Play, request: str) -> None:
    administrator = play.sign_in(ADMINISTRATOR, "admin")
    page = _says_yes(play, administrator, ADMINISTRATOR, request)
    check(page.status == 200 and "已批准" in page.words, page, "two people have agreed")
    play.told("admin", "approved too: two people, neither of them the one who asked")


def _ready(clerk: Browser) -> str | None:
    found = clerk.get("/staff/viewings").links(VIEWING)
    return found[0] if found else None


def _opened(
    play: Play, clerk: Browser, viewing: str, student: Student, kind: str, before: bytes
) -> None:
    """Verify, fetch and open the viewing with the clerk's key, and look at the picture."""
    page = play.proven(clerk, clerk.get(viewing), CLERK)
    check(page.status == 200, page, "the page of the viewing opens")
    check("blob:" in page.headers["content-security-policy"], page, "it opens in the browser")
    envelope = clerk.raw("GET", f"{viewing}/manifest")
    check(envelope.status == 200, envelope, "there is a manifest")
    root = Ed25519PublicKey.from_public_bytes(play.root_public_key)
    manifest = json.loads(verify(envelope.text, root, payload_type=VIEWING_TYPE))
    key = play.demo[CLERK]
    check(manifest["recipients"] == [key["recipient"]], None, "it is for the clerk's key alone")
    sealed = fetched(clerk, viewing, manifest)
    nobody_else_opens(play, sealed)
    with tempfile.TemporaryDirectory(prefix="heyan-rehearsal-") as folder:
        how, plain = decrypted(Path(folder), key["age_identity_file"], sealed)
    item, data = _read(plain, root, manifest)
    check(item["subject_id"] == student.documents[kind], None, "it is the document asked for")
    marked_and_clean(kind, data, student.pictures[kind])
    with Image.open(io.BytesIO(data)) as seen, Image.open(io.BytesIO(before)) as had:
        same = had.convert("L").resize(seen.size)
        changed = ImageChops.difference(seen.convert("L"), same)
        part = sum(changed.histogram()[12:]) / (seen.width * seen.height)
    check(part > 0.01, None, f"a second mark lies over the organizer's ({part:.3f})")
    play.told(CLERK, f"verified the manifest, opened it with {how}: one picture, marked twice")


def _read(
    plain: bytes, root: Ed25519PublicKey, manifest: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        check(archive.testzip() is None, None, "the ZIP is whole")
        text = archive.read("index.json")
        signature = archive.read("index.json.sig").decode()
        verify_detached(signature, text, root, payload_type=VIEWING_INDEX_TYPE)
        digest = hashlib.sha256(text).hexdigest()
        check(digest == manifest["index_sha256"], None, "the index is the manifest's")
        items = json.loads(text)["items"]
        check(len(items) == 1 and items[0]["state"] == "included", None, "one document is in it")
        part = items[0]["parts"][0]
        data = archive.read(part["path"])
    check(hashlib.sha256(data).hexdigest() == part["sha256"], None, "the picture is the index's")
    return items[0], data


def _told(play: Play, student: Student, kind: str) -> None:
    page = student.browser.get(f"/documents/{student.documents[kind]}")
    check("给本站一名工作人员看过" in page.words, page, "the custody page says it was shown")
    check("处理纠纷或申诉" in page.words, page, "it says what for")
    page = student.browser.get("/me/notices")
    check("本站一名工作人员查看了一份材料" in page.words, page, "the owner was told")
    play.told("student", "read on the custody page: shown to one person, what for, who approved")


def _over(play: Play, clerk: Browser, request: str, viewing: str) -> None:
    page = clerk.get(request)
    page = clerk.send(page.form(to="/end$"))
    check("已提前结束" in page.words, page, "the request is ended early")
    answer = clerk.raw("GET", f"{viewing}/file")
    check(answer.status in (403, 404), answer, "nothing can be fetched any more")
    play.told(CLERK, "ended it early: nothing can be fetched any more")


def _closed(play: Play, clerk: Browser, contact: str) -> None:
    page = clerk.get(contact)
    page = clerk.send(page.form("outcome", "result"), outcome="agreed", result=SETTLED)
    check(page.status == 200, page, "the dispute is closed with its outcome")
    page = clerk.send(page.form("by", to="/feedback"), by="call")
    check("已把结果告诉对方" in page.words, page, "the result was told")
    play.told(CLERK, "closed the dispute with its outcome and told the person")
