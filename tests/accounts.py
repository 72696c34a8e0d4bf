"""People at the doors, for tests: a browser with cookies, an authenticator, ways to be let in."""

from __future__ import annotations

import dataclasses
import html
import re
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import people, totp
from heyan.audit.service import OPERATOR
from heyan.policies.models import PolicyKind
from heyan.policies.service import NoPolicyInForce, publish, version_in_force
from heyan.settings import Settings

# Tests' browsers have addresses of their own; without a word a site is for its own machine.
EVERYWHERE = {
    "STAFF_NETWORKS": "0.0.0.0/0,::/0",
    "ORGANIZER_NETWORKS": "0.0.0.0/0,::/0",
}
LONG = "correct horse battery staple"
SHORT = "Tr0ub4dor&3x"
CHROME = "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"


def quick(settings: Settings) -> Settings:
    """The same settings with hashes that cost little, for tests that are not about them."""
    return dataclasses.replace(settings, argon2_memory_kib=12 * 1024, argon2_passes=1)


def some_phone() -> str:
    """A mainland number that no other test has."""
    return "139" + "".join(secrets.choice("0123456789") for _ in range(8))


def some_address() -> str:
    """A source address that no other test has, so that limits by source do not add up."""
    return "10." + ".".join(str(secrets.randbelow(250) + 1) for _ in range(3))


def policy_in_force(session: Session) -> None:
    """Have a privacy policy in force, without which nobody may open an account."""
    try:
        version_in_force(session)
    except NoPolicyInForce:
        publish(session, PolicyKind.PRIVACY, "test", clock.now(), {"zh": [], "en": []})


@dataclass
class Browser:
    """A browser: its cookies, its address, and forms filled in from the page before."""

    app: Flask
    address: str = field(default_factory=some_address)
    agent: str = CHROME

    def __post_init__(self) -> None:
        self.client: FlaskClient = self.app.test_client()

    def _where(self) -> dict[str, Any]:
        return {
            "environ_base": {"REMOTE_ADDR": self.address},
            "headers": {"User-Agent": self.agent},
        }

    def get(self, path: str) -> Any:
        """Open a page."""
        return self.client.get(path, **self._where())

    def post(self, path: str, *, page: str | None = None, **data: Any) -> Any:
        """Send the form on *page* (the address itself by default) to *path*."""
        token = self.token(page or path)
        return self.client.post(path, data={"csrf_token": token, **data}, **self._where())

    def token(self, page: str) -> str:
        """Return a form token as *page* shows it."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
        assert found, f"no form on {page}"
        return found[1]

    def cookie(self, name: str) -> str | None:
        """Return a cookie's value."""
        found = self.client.get_cookie(name)
        return found.value if found else None

    def register(self, phone: str, password: str) -> Any:
        """Open an account through the form."""
        return self.post("/account/register", phone=phone, password=password, consent="y")

    def sign_in(self, login: str, password: str, door: str = "/account/login", **more: str) -> Any:
        """Sign in through a door."""
        name = "phone" if door == "/account/login" else "name"
        return self.post(door, **{name: login, "password": password, **more})


@dataclass
class Authenticator:
    """A phone's authenticator; ``step`` moves on so that no code is shown twice."""

    secret: str
    step: int = 0

    @classmethod
    def from_page(cls, text: str) -> Authenticator:
        """Read the secret as a person would, from the set-up page."""
        found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', html.unescape(text))
        assert found, "no secret on the page"
        return cls(found[1].replace(" ", ""))

    def code(self, *, steps_ago: int = 0) -> str:
        """Return the present code, or an earlier one."""
        present = int(clock.now().timestamp()) // totp.STEP_SECONDS
        return totp.code_at(self.secret, present - steps_ago)


@dataclass
class Someone:
    """An account that was let in, and what it takes to let it in again."""

    browser: Browser
    login: str
    password: str
    authenticator: Authenticator | None = None
    account_id: uuid.UUID | None = None
    recovery_codes: list[str] = field(default_factory=list)


def registered(app: Flask, password: str = LONG) -> Someone:
    """A public account, signed in (with a long password: complete)."""
    browser, phone = Browser(app), some_phone()
    assert browser.register(phone, password).status_code == 200
    assert browser.sign_in(phone, password).status_code == 303
    return Someone(browser, phone, password)


def let_in(
    app: Flask,
    session: Session,
    realm: Realm = Realm.STAFF,
    roles: tuple[Role, ...] = (Role.ADMINISTRATOR,),
    organization_id: uuid.UUID | None = None,
) -> Someone:
    """A colleague or organizer's member: invited, activated, authenticator set up, signed in."""
    login = f"p{secrets.token_hex(6)}"
    issued = people.invite(
        session,
        OPERATOR,
        realm=realm,
        login=login,
        name="测试员",
        roles=roles,
        organization_id=organization_id,
    )
    browser = Browser(app)
    done = browser.post("/account/activate", code=issued.code, password=LONG)
    assert done.status_code == 200, done.text
    assert browser.sign_in(login, LONG, f"/{realm.value}/login").status_code == 303
    authenticator = Authenticator.from_page(browser.get("/account/authenticator").text)
    done = browser.post("/account/authenticator", code=authenticator.code())
    assert done.status_code == 200, done.text
    codes = re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", done.text)
    return Someone(browser, login, LONG, authenticator, issued.account_id, codes)
