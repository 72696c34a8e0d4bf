"""Getting in by password: open an account, sign in, change the password, sign out."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import MFA_REALMS, Realm, Role
from heyan.accounts import devices, loss, passwords, sessions, throttle
from heyan.accounts.errors import WrongCredentials, WrongPassword
from heyan.accounts.held import has_factor
from heyan.accounts.models import (
    Account,
    AccountRole,
    AccountStatus,
    SignIn,
    SignInOutcome,
)
from heyan.accounts.passwords import hasher
from heyan.audit.service import Actor, record
from heyan.consent import service as consent
from heyan.consent.purposes import ACCOUNT, PURPOSES
from heyan.consent.service import Evidence
from heyan.db import blind_index, transaction
from heyan.notifications.models import Notice
from heyan.notifications.service import end_resets, notify
from heyan.safety import watch
from heyan.settings import Settings

# A person hears at most once a day that someone tries to open an account with their number.
ATTEMPT_NOTICE_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Client:
    """The browser in front of a sign-in: where from, what it calls itself, who knows it."""

    evidence: Evidence
    actor: Actor
    devices: Sequence[str] = ()


@dataclass(frozen=True)
class SignedInNow:
    """What a right password led to.

    ``token`` is the session's. ``owes`` is None when the person is in, else ``code`` (second
    factor asked for) or ``setup`` (one has to be set up first). ``device`` is a new token to keep
    in the device cookie, if any.
    """

    account_id: uuid.UUID
    token: str
    owes: str | None
    device: str | None = None


def login_index(realm: Realm, login: str) -> bytes:
    """Return the blind index of a phone (public, E.164) or login name (staff, organizer)."""
    return blind_index(normal_login(realm, login), f"accounts.{realm.value}")


def normal_login(realm: Realm, login: str) -> str:
    """Return *login* as it is compared: names without regard to case and width."""
    if realm is Realm.PUBLIC:
        return login
    return unicodedata.normalize("NFKC", login).strip().casefold()


def find(session: Session, realm: Realm, login: str) -> Account | None:
    """Return the account of *realm* with this login, whatever its status."""
    return session.scalars(
        select(Account).where(
            Account.realm == realm, Account.login_index == login_index(realm, login)
        )
    ).first()


def open_account(
    session: Session,
    settings: Settings,
    *,
    phone: str,
    password: str,
    evidence: Evidence,
    actor: Actor,
    name: str | None = None,
) -> uuid.UUID | None:
    """Open a public account with the consent to the policy in force (A1); return its id.

    Returns None when the number has an account: its owner gets a notice, and the page must answer
    the same (C-32). Raises `PasswordRefused`, and `NoPolicyInForce` when nothing may be accepted.
    """
    passwords.check(password, realm=Realm.PUBLIC, settings=settings, context=(phone, name or ""))
    hashed = hasher(settings).hash(password)
    moment = clock.now()
    with transaction(session):
        existing = find(session, Realm.PUBLIC, phone)
        if existing is None:
            account = Account(
                realm=Realm.PUBLIC,
                login=phone,
                login_index=login_index(Realm.PUBLIC, phone),
                name=name,
                password_hash=hashed,
                second_factor_required=passwords.needs_second_factor(
                    password, realm=Realm.PUBLIC, settings=settings
                ),
                status=AccountStatus.ACTIVE,
                failed_count=0,
                created_at=moment,
                password_changed_at=moment,
            )
            try:
                with session.begin_nested():
                    session.add(account)
                    session.flush()
            except IntegrityError:
                existing = find(session, Realm.PUBLIC, phone)
        if existing is not None:
            _tell_owner(session, existing)
            record(session, actor, "accounts.open", "account", existing.id, outcome="exists")
            return None
        session.add(AccountRole(account_id=account.id, role=Role.STUDENT, granted_at=moment))
        consent.grant(
            session,
            ACCOUNT,
            evidence,
            text_shown=str(PURPOSES[ACCOUNT].text),
            account_id=account.id,
        )
        record(session, actor, "accounts.open", "account", account.id)
        watch.account_opened(session, settings, account.id, evidence.source)
        return account.id


def _tell_owner(session: Session, account: Account) -> None:
    told = session.scalars(
        select(Notice.id).where(
            Notice.account_id == account.id,
            Notice.kind == "account_register_attempt",
            Notice.at > clock.now() - ATTEMPT_NOTICE_EVERY,
        )
    ).first()
    if told is None:
        notify(session, account.id, "account_register_attempt")


def sign_in(
    session: Session,
    settings: Settings,
    *,
    realm: Realm,
    login: str,
    password: str,
    client: Client,
    replacing: sessions.SignedIn | None = None,
) -> SignedInNow:
    """Check a password and open a session, complete unless a second factor is owed.

    *replacing* is the session this browser comes with, if any: it ends (ASVS 7.2.4). Raises
    `WrongCredentials`, `throttle.Throttled` and `throttle.PasswordOff`, for unknown names exactly
    as for known ones, after the same work (C-32).
    """
    account = find(session, realm, login)
    if account is not None and account.status is not AccountStatus.ACTIVE:
        account = None
    device = devices.known(session, account.id if account else None, client.devices)
    key = (
        f"sign-in/device/{device.id}"
        if device is not None
        else f"sign-in/{realm.value}/{login_index(realm, login).hex()}"
    )
    counted = account if device is None else None
    charged = throttle.charge(session, settings, key, account=counted)
    stored = account.password_hash if account else None
    if not hasher(settings).verify(stored, password) or account is None:
        _failed(session, settings, account, client, realm, charged.failures)
        raise WrongCredentials
    if hasher(settings).outdated(stored or ""):
        account.password_hash = hasher(settings).hash(password)
    with transaction(session):
        throttle.clear(session, key, account=counted)
        if loss.carry_out(session, account, client.actor):
            device = None
        holds = has_factor(session, account.id)
        owes = None
        if not holds and (realm in MFA_REALMS or account.second_factor_required):
            owes = "setup"
        elif holds and (realm in MFA_REALMS or device is None):
            owes = "code"
        if replacing is not None:
            sessions.end(session, replacing.account_id, replacing.id)
        token = sessions.begin(
            session,
            settings,
            account,
            complete=owes is None,
            source=client.evidence.source,
            user_agent=client.evidence.user_agent,
        )
        kept = None
        if owes is None:
            if not holds:
                kept = devices.remember(session, settings, account.id, replacing=device)
            arrived(session, account, client, new_device=device is None)
    return SignedInNow(account.id, token, owes, kept)


def _failed(
    session: Session,
    settings: Settings,
    account: Account | None,
    client: Client,
    realm: Realm,
    failures: int,
) -> None:
    with transaction(session):
        if account is not None:
            note_sign_in(session, account.id, client, SignInOutcome.WRONG_PASSWORD)
            if failures == settings.login_max_failures:
                notify(session, account.id, "account_password_off")
        record(
            session,
            client.actor,
            "accounts.sign_in",
            "account",
            account.id if account else None,
            outcome="denied",
            realm=realm.value,
        )


def note_wrong_network(session: Session, actor: Actor, realm: Realm) -> None:
    """Write down that somebody tried a door from where it does not open (S-077)."""
    with transaction(session):
        record(
            session,
            actor,
            "accounts.sign_in",
            "account",
            None,
            outcome="denied",
            realm=realm.value,
            why="network_not_allowed",
        )


def note_sign_in(
    session: Session,
    account_id: uuid.UUID,
    client: Client,
    outcome: SignInOutcome,
    *,
    new_device: bool = False,
) -> None:
    """Add a line to the sign-in history, in the caller's transaction."""
    session.add(
        SignIn(
            account_id=account_id,
            at=clock.now(),
            outcome=outcome,
            new_device=new_device,
            source=client.evidence.source,
            user_agent=client.evidence.user_agent[:400],
        )
    )


def arrived(session: Session, account: Account, client: Client, *, new_device: bool) -> None:
    """Write down a completed sign-in and tell the owner of a new browser (C-39)."""
    first = (
        session.scalars(
            select(SignIn.id)
            .where(SignIn.account_id == account.id, SignIn.outcome == SignInOutcome.SUCCEEDED)
            .limit(1)
        ).first()
        is None
    )
    note_sign_in(session, account.id, client, SignInOutcome.SUCCEEDED, new_device=new_device)
    if new_device and not first:
        notify(session, account.id, "account_new_device")
        watch.signed_in_anew(session, account.id)
    actor = replace(client.actor, kind=account.realm.value, id=account.id)
    record(session, actor, "accounts.sign_in", "account", account.id, new_device=new_device)


def sign_out(session: Session, signed_in: sessions.SignedIn, client: Client) -> None:
    """End the session in front of us."""
    with transaction(session):
        sessions.end(session, signed_in.account_id, signed_in.id)
        note_sign_in(session, signed_in.account_id, client, SignInOutcome.SIGNED_OUT)
        record(session, client.actor, "accounts.sign_out", "account", signed_in.account_id)


def change_password(
    session: Session,
    settings: Settings,
    *,
    signed_in: sessions.SignedIn,
    old: str,
    new: str,
    client: Client,
) -> str:
    """Set a new password against the old one, end all other sessions, return a new token.

    Raises `WrongPassword`, `PasswordRefused` and `throttle.Throttled`. A public account without
    an authenticator needs a password long enough to stand alone.
    """
    account = session.get_one(Account, signed_in.account_id)
    verify_password(session, settings, account, old)
    if new == old:
        raise passwords.PasswordRefused(passwords.Reason.SAME)
    check_new(session, settings, account, new)
    hashed = hasher(settings).hash(new)
    with transaction(session):
        _store_password(session, settings, account, new, hashed)
        sessions.end_all(session, account.id, but=signed_in.id)
        devices.forget(session, account.id, but=client.devices)
        notify(session, account.id, "account_password_changed")
        record(session, client.actor, "accounts.password_change", "account", account.id)
        return sessions.rotate(session, signed_in.id, complete=False, step_up=False)


def check_new(session: Session, settings: Settings, account: Account, password: str) -> None:
    """Raise `PasswordRefused` unless *password* may replace the account's present one."""
    context = (account.login, account.name or "")
    passwords.check(password, realm=account.realm, settings=settings, context=context)
    short = passwords.needs_second_factor(password, realm=account.realm, settings=settings)
    if account.realm is Realm.PUBLIC and short and not has_factor(session, account.id):
        raise passwords.PasswordRefused(passwords.Reason.TOO_SHORT, settings.password_min_alone)


def set_password(session: Session, settings: Settings, account: Account, new: str) -> None:
    """Set a password without asking for the old one (activation); raises `PasswordRefused`.

    All sessions and known browsers end; a second factor stays (C-35).
    """
    passwords.check(
        new, realm=account.realm, settings=settings, context=(account.login, account.name or "")
    )
    hashed = hasher(settings).hash(new)
    with transaction(session):
        _store_password(session, settings, account, new, hashed)
        sessions.end_all(session, account.id)
        devices.forget(session, account.id)


def _store_password(
    session: Session, settings: Settings, account: Account, password: str, hashed: str
) -> None:
    account.password_hash = hashed
    account.password_changed_at = clock.now()
    account.second_factor_required = passwords.needs_second_factor(
        password, realm=account.realm, settings=settings
    )
    index = login_index(account.realm, account.login).hex()
    throttle.clear(session, f"sign-in/{account.realm.value}/{index}", account=account)
    end_resets(session, account.id)
    session.add(account)
    session.flush()


def verify_password(session: Session, settings: Settings, account: Account, password: str) -> None:
    """Check a signed-in person's own password; raises `WrongPassword` or `Throttled`."""
    key = f"password/{account.id}"
    throttle.charge(session, settings, key, cap=False)
    if not hasher(settings).verify(account.password_hash, password):
        raise WrongPassword
    throttle.clear(session, key)
