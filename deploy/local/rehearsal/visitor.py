"""The visitor leaves a number; customer service finds it, calls, and writes down how it went."""

from __future__ import annotations

import re

from deploy.local.rehearsal.browser import Browser, StepFailed
from deploy.local.rehearsal.cards import Holder
from deploy.local.rehearsal.play import Play, check


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


def service_takes_it(play: Play, person: Holder) -> Browser:
    """Sign in with a code, find the lead masked, reveal it with a reason, close it.

    Returns the clerk's browser, still signed in.
    """
    browser = play.sign_in("service", "service")
    play.told("service", "signed in with password and one-time code")
    lead = _found(browser, person)
    page = browser.get(lead)
    check(person.phone not in page.words, page, "the number is masked until a reason is given")
    page = browser.send(page.form("to", to="/assign"))
    check(page.status == 200, page, "the lead is assigned")
    play.told("service", "found the lead masked, saw the number with a reason, took the call on")
    page = browser.get(lead)
    page = browser.send(page.form("outcome"), outcome="reached", note="已答复报名时间")
    check(page.status == 200, page, "the outcome is recorded")
    page = browser.get("/staff/leads")
    check(lead not in page.text, page, "the closed lead has left the queue")
    play.told("service", "closed the lead with its outcome")
    return browser


def _found(browser: Browser, person: Holder) -> str:
    """Return the address of the lead that is the person's, seen masked and then with a reason."""
    page = browser.get("/staff/leads")
    check(page.status == 200, page, "the queue opens")
    while True:
        check(person.name not in page.words, page, "the name is masked in the queue")
        check(person.phone not in page.words, page, "the number is masked in the queue")
        for row in re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL):
            found = re.search(r'href="(/staff/leads/[^"?]+)"', row)
            alike = person.name[0] in row and f"{person.phone[-2:]}<" in row
            if found and alike and _revealed(browser, found[1], person):
                return found[1]
        onward = page.links(r"/staff/leads\?.*after=")
        if not onward:
            raise StepFailed("expected: the lead is in the queue of customer service")
        page = browser.get(onward[0])


def _revealed(browser: Browser, lead: str, person: Holder) -> bool:
    """Give a reason; outside calling hours a number is not shown for calling."""
    for reason in ("call", "correct"):
        page = browser.get(lead)
        page = browser.send(page.form("reason"), reason=reason)
        if person.phone in page.words.replace(" ", "").replace("-", ""):
            return True
    return False
