"""The visitor leaves a number; customer service finds it, calls, and writes down how it went."""

from __future__ import annotations

import re

from deploy.local.rehearsal.browser import Answer, Browser, StepFailed
from deploy.local.rehearsal.cards import Holder
from deploy.local.rehearsal.play import Play, check

MASKED = re.compile(r"\*|•|＊|×")


def reads(play: Play, slug: str) -> None:
    """Read what anyone can read, without a cookie."""
    browser = play.browser("visitor")
    for path in ("/", "/events", f"/events/{slug}", "/privacy", "/privacy/custody", "/contact"):
        page = browser.get(path)
        check(page.status == 200, page, f"{path} can be read")
        check("set-cookie" not in page.headers, page, f"{path} sets no cookie")
    play.told("visitor", "read the site, the event and the policy; no cookie was set")


def leaves_a_lead(play: Play, person: Holder) -> None:
    """Leave name and number, with the consent ticked by hand."""
    browser = play.browser("visitor")
    page = browser.get("/leads/new")
    form = page.form("name", "phone", "consent")
    check("consent" not in form.values, page, "the consent is not ticked beforehand")
    page = browser.send(form, name=person.name, phone=person.phone)
    check(page.status == 422, page, "without consent nothing is taken")
    form = page.form("name", "phone", "consent")
    check(form.values.get("phone") == person.phone, page, "what was typed is kept")
    agreed = form.options["consent"][0]
    page = browser.send(form, name=person.name, phone=person.phone, consent=agreed)
    check(page.status == 200 and page.path == "/leads/thanks", page, "the lead is taken")
    check(not browser.cookies, page, "no cookie was needed")
    play.told("visitor", "asked to be called back: name, number, consent; no account, no cookie")


def service_takes_it(play: Play, person: Holder) -> None:
    """Sign in with a code, find the lead masked, reveal it with a reason, close it."""
    browser = play.sign_in("service", "service")
    play.told("service", "signed in with password and one-time code")
    page, number = _find(browser, person)
    check(person.name not in page.words, page, "the name is masked in the queue")
    check(person.phone not in page.words, page, "the number is masked in the queue")
    page = browser.get(number)
    check(person.phone not in page.words, page, "the number is masked until a reason is given")
    page = browser.send(page.form(to="/assign"))
    check(page.status == 200, page, "the lead is assigned")
    page = _revealed(browser, number, person)
    play.told("service", "took the lead on and saw the number, with a reason, on the record")
    page = browser.get(number)
    page = browser.send(page.form("outcome"), outcome="reached", note="已答复报名时间")
    check(page.status == 200, page, "the outcome is recorded")
    page = browser.get("/staff/leads")
    check(number not in page.text, page, "the closed lead has left the queue")
    play.told("service", "closed the lead with its outcome")


def _find(browser: Browser, person: Holder) -> tuple[Answer, str]:
    """Return the queue and the address of the lead whose number ends as the person's does."""
    page = browser.get("/staff/leads")
    check(page.status == 200, page, "the queue opens")
    while True:
        for row in re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL):
            found = re.search(r'href="(/staff/leads/[^"?]+)"', row)
            if found and person.phone[-4:] in row:
                return page, found[1]
        onward = page.links(r"/staff/leads\?.*after=")
        if not onward:
            raise StepFailed("expected: the lead is in the queue of customer service")
        page = browser.get(onward[0])


def _revealed(browser: Browser, number: str, person: Holder) -> Answer:
    """Give a reason; outside calling hours a number is not shown for calling."""
    for reason in ("call", "correct"):
        page = browser.get(number)
        page = browser.send(page.form("reason"), reason=reason)
        if person.phone in page.words.replace(" ", ""):
            return page
    raise StepFailed(f"expected: the number is shown for a reason: {page.status} {page.gist()}")
