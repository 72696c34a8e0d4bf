"""The scenes of one's own data: a copy, a correction, a consent taken back, the account closed."""

from __future__ import annotations

import io
import json
import re
import zipfile

from deploy.local.rehearsal.browser import Browser
from deploy.local.rehearsal.play import Play, check, wait_for
from deploy.local.rehearsal.student import Student, proven

WHO = "student"


def takes_a_copy(play: Play, student: Student) -> None:
    """See what is held, ask for a copy, and find oneself in it."""
    page = student.browser.get("/me/data")
    check(student.person.name in page.words, page, "the page shows the student's data")
    check(student.person.phone[-8:] not in page.words, page, "the number is masked on it")
    page = proven(play, student, "/me/data/copy")
    student.browser.send(page.form(to="/me/data/copy"))

    def ready() -> str | None:
        found = student.browser.get("/me/data/copy").links(r"/me/data/copy/[0-9a-f-]+/file")
        return found[0] if found else None

    link = wait_for(ready, 60, "the copy is made")
    answer = student.browser.raw("GET", link)
    check(answer.status == 200, answer, "the copy is handed out")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        data = json.loads(archive.read("data.json"))
    rows = {part["key"]: part["rows"] for part in data["parts"]}
    check(rows["students"][0]["name"] == student.person.name, None, "the student is in the copy")
    check(rows["disclosures"], None, "the copy says who was given what")
    held = sum(len(each) for each in rows.values())
    play.told(WHO, f"took a copy of everything held: {len(rows)} tables, {held} rows")


def corrects(play: Play, student: Student) -> None:
    """Set the account's name right; it stands at once."""
    page = student.browser.get("/me/data/correct")
    page = student.browser.send(
        page.form("subject", "wanted"), subject="account_name", wanted="王晓", words=""
    )
    check("已办结" in page.words, page, "the correction is done at once")
    play.told(WHO, "corrected the account's name")


def takes_a_consent_back(play: Play, student: Student, organizer: Browser) -> None:
    """Withdraw the hand-over; the organizer is told, confirms, and the person reads it."""
    page = student.browser.get("/me/data/consents")
    parts = page.text.split('<li class="sheet">')
    part = next(one for one in parts if "把材料交给主办单位核验" in one)
    found = re.search(r"/me/data/consents/[0-9a-f-]+/withdraw", part)
    check(found, page, "the consent has a way back")
    path = found[0] if found else ""
    page = student.browser.get(path)
    check("这次报名随之取消" in page.words, page, "the effect is said first")
    page = student.browser.send(page.form(to=path))
    check("已办结" in page.words, page, "the consent is taken back")
    page = organizer.get("/organizer/people")
    check(student.number in page.words, page, "the organizer is told")
    to = page.text.split(student.number)[1]
    confirm = re.search(r"/organizer/people/[0-9a-f-]+/confirm", to)
    check(confirm, page, "the organizer can confirm")
    organizer.send(page.form(to=confirm[0] if confirm else ""))
    page = student.browser.get("/me/data")
    check("对方已于" in page.words, page, "the organizer's confirmation is shown")
    play.told(WHO, "took the consent back; the organizer confirmed that it acted")


def closes_the_account(play: Play, student: Student) -> None:
    """Close the account; nothing more is asked for, and nobody gets in."""
    page = proven(play, student, "/me/data/close")
    check('type="file"' not in page.text, page, "no picture is asked for")
    page = student.browser.send(page.form(to="/me/data/close"))
    check("账号已注销" in page.words, page, "the account is closed")
    answer = student.browser.raw("GET", "/me/data")
    check(answer.status in (302, 303), answer, "nobody is signed in any more")
    play.told(WHO, "closed the account")
