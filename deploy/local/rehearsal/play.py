"""What the scenes share: the demo's people, the timeline, and how a step is held to its word."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from deploy.local.demo_events import CHINA
from deploy.local.rehearsal.browser import Answer, Browser, StepFailed
from deploy.local.rehearsal.cards import Holder
from heyan.accounts import totp

T = TypeVar("T")


@dataclass
class Play:
    """One run: where the site is, who can sign in, and what has happened."""

    base_url: str
    demo: dict[str, Any]
    root_public_key: bytes
    say: Callable[[str], None] = print
    began: float = field(default_factory=time.monotonic)
    steps: int = 0
    # Personal values that were handed in; tests look for them where they must not be.
    personal: list[str] = field(default_factory=list)
    _last_codes: dict[str, int] = field(default_factory=dict)

    def browser(self, who: str) -> Browser:
        """Return a fresh browser for *who*."""
        return Browser(self.base_url, who)

    def told(self, who: str, what: str) -> None:
        """Add a line to the timeline: a step that held."""
        self.steps += 1
        clock = datetime.now(UTC).astimezone(CHINA)
        since = time.monotonic() - self.began
        self.say(f"{clock:%H:%M:%S} {since:6.1f} s  {who:<10} {what}")

    def remember(self, person: Holder) -> None:
        """Note what of *person* must turn up nowhere but in the batch."""
        self.personal += [person.name, person.number, person.phone]

    def code(self, secret: str) -> str:
        """Return a one-time code that was not shown before, waiting for the next if need be."""
        while True:
            present = int(time.time()) // totp.STEP_SECONDS
            for step in (present - 1, present):
                if step > self._last_codes.get(secret, 0):
                    self._last_codes[secret] = step
                    return totp.code_at(secret, step)
            time.sleep(0.5)

    def sign_in(self, role: str, who: str) -> Browser:
        """Sign a member of staff or of the organizer in, with password and code."""
        person = self.demo[role]
        browser = self.browser(who)
        door = "/organizer/login" if role == "organizer" else "/staff/login"
        page = browser.get(door)
        form = page.form("name", "password")
        page = browser.send(form, name=person["login"], password=person["password"])
        check(page.path == "/account/code", page, "the password alone leads to the code page")
        for _try in range(3):
            page = self.enter(browser, page, person["totp_secret"])
            if page.path != "/account/code":
                break
        check(page.status == 200, page, f"{who} is in")
        check(page.path != "/account/code", page, "the code is taken")
        return browser

    def enter(self, browser: Browser, page: Answer, secret: str) -> Answer:
        """Send the code that *page* asks for."""
        return browser.send(page.form("code"), code=self.code(secret))

    def proven(self, browser: Browser, page: Answer, role: str) -> Answer:
        """Prove once more who sits there, when *page* asks for it; return the page behind."""
        for _try in range(3):
            if page.path != "/account/step-up":
                return page
            page = self.enter(browser, page, self.demo[role]["totp_secret"])
        raise StepFailed(f"the second factor is not taken for {role}")


def check(held: object, seen: Answer | None, expected: str) -> None:
    """Raise `StepFailed` with what was seen, unless *held*."""
    if held:
        return
    shown = f": {seen.status} at {seen.path}: {seen.gist()}" if seen is not None else ""
    raise StepFailed(f"expected: {expected}{shown}")


def wait_for(look: Callable[[], T | None], seconds: float, expected: str) -> T:
    """Look until there is something; `StepFailed` when it takes longer than *seconds*."""
    end = time.monotonic() + seconds
    while True:
        if (found := look()) is not None:
            return found
        if time.monotonic() > end:
            raise StepFailed(f"expected within {seconds:.0f} s: {expected}")
        time.sleep(0.3)
