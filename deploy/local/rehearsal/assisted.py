"""An assisted reset: a code by call-back to the number on file; the owner sets the password."""

from __future__ import annotations

import re

from deploy.local import demo_people
from deploy.local.rehearsal.browser import Browser
from deploy.local.rehearsal.play import Play, check
from deploy.local.rehearsal.student import WHO, Student

CLERK = "service"


def resets(play: Play, clerk: Browser, student: Student) -> None:
    """Let the clerk issue a code and the student come back in with a password of their own."""
    code = _issued(play, clerk, student)
    chosen = demo_people.password()
    play.personal += [code, chosen]
    fresh = play.browser(WHO)
    _set(play, fresh, student, code, chosen)
    old = student.browser.raw("GET", "/registrations")
    check(old.status in (302, 303), old, "every session from before has ended")
    page = fresh.get("/account/login")
    form = page.form("phone", "password")
    page = fresh.send(form, phone=student.person.phone, password=student.password)
    check(page.status == 422, page, "the old password is good no more")
    page = fresh.send(page.form("phone", "password"), phone=student.person.phone, password=chosen)
    check(page.path == "/account/code", page, "the second factor is still asked for")
    page = play.enter(fresh, page, student.totp_secret)
    check(page.status == 200 and page.path != "/account/code", page, "the student is back in")
    student.browser, student.password = fresh, chosen
    page = fresh.get("/me/notices")
    check("客服按您的要求发出了密码重置码" in page.words, page, "the owner was told of the code")
    check("密码已修改" in page.words, page, "and of the new password")
    play.told(WHO, "set a new password; sessions ended, the second factor stayed, notices came")


def frees_from_strange_hands(play: Play, clerk: Browser, student: Student) -> None:
    """Report the account by one click: nobody is in any more, until its owner resets it."""
    page = student.browser.get("/account/compromised")
    page = student.browser.send(page.form("action"), action="mine")
    check(page.status == 200, page, "the report is taken")
    old = student.browser.raw("GET", "/registrations")
    check(old.status in (302, 303), old, "whoever was in is out")
    fresh = play.browser(WHO)
    page = fresh.get("/account/login")
    form = page.form("phone", "password")
    page = fresh.send(form, phone=student.person.phone, password=student.password)
    check(page.status == 422, page, "the right password lets nobody in")
    play.told(WHO, "reported the account as being in strange hands: nobody gets in")
    resets(play, clerk, student)


def _issued(play: Play, clerk: Browser, student: Student) -> str:
    """Find the account, see it masked and then under the grant, and get the code to read out."""
    phone = student.person.phone
    page = clerk.get("/staff/accounts")
    page = clerk.send(page.form("phone"), phone=phone)
    check(re.search(r"/staff/accounts/[0-9a-f-]{36}$", page.path), page, "the account is found")
    check(phone not in page.words, page, "its number is masked")
    account = page.path
    page = clerk.send(page.form("reason"), reason="本人来电，按登记的号码回拨")
    check(phone in page.words, page, "under the grant and with a reason the number is shown")
    page = play.proven(clerk, clerk.get(account), CLERK)
    page = clerk.send(page.form("way"), way="callback")
    if page.path == "/account/step-up":
        # What was posted is not posted again after the proof: it is asked for once more.
        play.proven(clerk, page, CLERK)
        page = clerk.send(clerk.get(account).form("way"), way="callback")
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page.words)
    check(found, page, "the code is shown once, to be read out")
    play.told(CLERK, "looked the number up under the grant, read a code out on a call back")
    return found[0] if found else ""


def _set(play: Play, fresh: Browser, student: Student, code: str, chosen: str) -> None:
    phone = student.person.phone
    page = fresh.get("/account/reset")
    page = fresh.send(
        page.form("phone", "code", "password"), phone=phone, code="AAAA-AAAA", password=chosen
    )
    check(page.status == 422, page, "a wrong code is refused")
    form = page.form("phone", "code", "password")
    page = fresh.send(form, phone=phone, code=code, password=chosen)
    check(page.status == 200 and 'name="code"' not in page.text, page, "the password is set")
    again = fresh.get("/account/reset")
    page = fresh.send(
        again.form("phone", "code", "password"), phone=phone, code=code, password=chosen
    )
    check(page.status == 422, page, "a code is good once")
    play.told(WHO, "used the code once; a wrong one and a second use were refused")
