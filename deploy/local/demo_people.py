"""People of the demonstration, let in the way everyone is: invited, activated, with a factor."""

from __future__ import annotations

import dataclasses
import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import service as accounts
from heyan.accounts import sessions, totp
from heyan.audit.service import OPERATOR, Actor
from heyan.consent.service import Evidence
from heyan.oversight import training
from heyan.oversight.models import TrainingKind
from heyan.settings import Settings

SOURCE = "127.0.0.1"
AGENT = "demo"


@dataclass(frozen=True)
class DemoPerson:
    """Someone who can sign in, and with what."""

    id: uuid.UUID
    realm: Realm
    login: str
    password: str
    totp_secret: str

    @property
    def actor(self) -> Actor:
        """This person, for the audit."""
        return Actor(self.realm.value, self.id, SOURCE)

    def shown(self) -> dict[str, str]:
        """What demo.json says about them."""
        return {"login": self.login, "password": self.password, "totp_secret": self.totp_secret}


def password() -> str:
    """Return a password that can be typed and not guessed."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def quick(settings: Settings) -> Settings:
    """Return *settings* with cheaper hashes; the first sign-in renews each at full strength."""
    return dataclasses.replace(settings, argon2_memory_kib=12 * 1024, argon2_passes=1)


def let_in(
    session: Session,
    settings: Settings,
    realm: Realm,
    login: str,
    name: str,
    role: Role,
    organization_id: uuid.UUID | None = None,
) -> DemoPerson:
    """Invite, activate and give a second factor; nobody is left signed in."""
    issued = accounts.invite(
        session,
        OPERATOR,
        realm=realm,
        login=login,
        name=name,
        roles=[role],
        organization_id=organization_id,
    )
    if realm is Realm.STAFF:
        _train(session, issued.account_id)
    chosen = password()
    actor = Actor(realm.value, issued.account_id, SOURCE)
    accounts.activate(session, settings, actor, code=issued.code, password=chosen)
    client = accounts.Client(Evidence(SOURCE, AGENT), actor)
    entered = accounts.sign_in(
        session, settings, realm=realm, login=login, password=chosen, client=client
    )
    here = sessions.load(session, settings, entered.token)
    if here is None:
        raise RuntimeError(f"{login} could not sign in")
    secret = accounts.set_up_totp(session, settings, here)
    # The step before this one, so that the present code is still good for signing in.
    step = int(clock.now().timestamp()) // totp.STEP_SECONDS - 1
    done = accounts.confirm_totp(
        session, settings, signed_in=here, code=totp.code_at(secret, step), client=client
    )
    here = sessions.load(session, settings, done.token)
    if here is not None:
        accounts.sign_out(session, here, client)
    return DemoPerson(issued.account_id, realm, login, chosen, secret)


def _train(session: Session, account_id: uuid.UUID) -> None:
    """Let a colleague have taken the course and passed the exam: without, L3 stays closed."""
    passed = clock.now()
    for kind in TrainingKind:
        training.add(
            session, OPERATOR, account_id, kind,
            passed_at=passed, valid_until=passed + training.LONGEST,
        )  # fmt: skip


def student(session: Session, settings: Settings, phone: str) -> tuple[dict[str, str], uuid.UUID]:
    """Open a public account with a password long enough to need no second factor.

    Returns what demo.json says about it, and its id.
    """
    chosen = password()
    opened = accounts.open_account(
        session,
        settings,
        phone=phone,
        password=chosen,
        evidence=Evidence(SOURCE, AGENT),
        actor=Actor("public", source=SOURCE),
        name=None,
    )
    if opened is None:
        raise RuntimeError("the number has an account")
    return {"phone": phone.removeprefix("+86"), "password": chosen}, opened
