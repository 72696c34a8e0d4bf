"""Passkeys (WebAuthn) beside the authenticator: register, answer, rename, remove (I3, C-36, C-38).

A challenge belongs to one session and one purpose, lives two minutes and is deleted when it is
answered, right or wrong. The party and the origins come from BASE_URL and never from a request.
Staff and organizers must show who they are to the device (PIN, finger, face); for students,
whose password came before it, presence is enough.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from heyan import clock
from heyan.access import MFA_REALMS, Realm
from heyan.accounts import devices, factors, sessions, throttle
from heyan.accounts.entry import Client, arrived
from heyan.accounts.errors import PasskeyRefused, TooManyPasskeys
from heyan.accounts.factors import Completed
from heyan.accounts.held import has_factor
from heyan.accounts.models import (
    Account,
    Passkey,
    PasskeyChallenge,
    PasskeyPurpose,
)
from heyan.accounts.own_passkeys import PASSKEYS, of
from heyan.accounts.sessions import SignedIn
from heyan.audit.service import record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.settings import Settings

CHALLENGE_FOR = timedelta(minutes=2)
LONGEST_ANSWER = 16 * 1024


@dataclass(frozen=True)
class Party:
    """Who asks: the domain that passkeys are bound to, and the origins an answer may come from."""

    domain: str
    origins: list[str]


def party(settings: Settings) -> Party:
    """Return who asks, from BASE_URL.

    Browsers bind no passkey to an address of numbers: a site on loopback is ``localhost`` then.
    """
    parts = urlsplit(settings.base_url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if loopback and not settings.production:
        host = "localhost"
    return Party(host, [f"{parts.scheme}://{host}{port}"])


def options(
    session: Session, settings: Settings, signed_in: SignedIn, purpose: PasskeyPurpose
) -> str:
    """Return what the browser hands to its authenticators, as JSON, with a fresh challenge.

    Raises `PasskeyRefused` where the session may not answer for this purpose.
    """
    _may_ask(session, settings, signed_in, purpose)
    account = session.get_one(Account, signed_in.account_id)
    challenge = secrets.token_bytes(32)
    values = {"challenge": challenge, "expires_at": clock.now() + CHALLENGE_FOR}
    with transaction(session):
        session.execute(
            insert(PasskeyChallenge)
            .values(session_id=signed_in.id, purpose=purpose, **values)
            .on_conflict_do_update(index_elements=["session_id", "purpose"], set_=values)
        )
    own = of(session, account.id)
    verification = (
        UserVerificationRequirement.REQUIRED
        if account.realm in MFA_REALMS
        else UserVerificationRequirement.PREFERRED
    )
    timeout = int(CHALLENGE_FOR.total_seconds() * 1000)
    if purpose is PasskeyPurpose.REGISTER:
        return webauthn.options_to_json(
            webauthn.generate_registration_options(
                rp_id=party(settings).domain,
                rp_name=settings.site_name,
                # Shown by the person's own device only; a phone number without its middle.
                user_name=_shown_login(account),
                user_id=account.id.bytes,
                challenge=challenge,
                timeout=timeout,
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.PREFERRED, user_verification=verification
                ),
                exclude_credentials=[
                    PublicKeyCredentialDescriptor(id=each.credential_id) for each in own
                ],
            )
        )
    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=party(settings).domain,
            challenge=challenge,
            timeout=timeout,
            allow_credentials=[
                PublicKeyCredentialDescriptor(id=each.credential_id)
                for each in own
                if each.blocked_at is None
            ],
            user_verification=verification,
        )
    )


def _may_ask(
    session: Session, settings: Settings, signed_in: SignedIn, purpose: PasskeyPurpose
) -> None:
    """Raise `PasskeyRefused` unless a session in this state has a use for an answer.

    Who still owes a factor registers none while the account has one (SECURITY 24), and a session
    left open registers none without a fresh proof (C-45).
    """
    if purpose is PasskeyPurpose.REGISTER:
        fresh = signed_in.stepped_up(settings)
        first = not signed_in.complete and not has_factor(session, signed_in.account_id)
        if not first and not (signed_in.complete and fresh):
            raise PasskeyRefused
    elif signed_in.complete is (purpose is PasskeyPurpose.SIGN_IN):
        raise PasskeyRefused


def _shown_login(account: Account) -> str:
    if account.realm is Realm.PUBLIC:
        return f"{account.login[:-8]}****{account.login[-4:]}"
    return account.login


def register(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    name: str,
    answer: str,
    client: Client,
) -> Completed:
    """Take a new passkey into use; completes a session that waited for a first factor.

    The first factor brings recovery codes and ends sessions and known browsers that came without
    it. Raises `PasskeyRefused` and `TooManyPasskeys`.
    """
    _may_ask(session, settings, signed_in, PasskeyPurpose.REGISTER)
    challenge = _take_challenge(session, signed_in, PasskeyPurpose.REGISTER)
    asking = party(settings)
    try:
        credential = parse_registration_credential_json(answer[: LONGEST_ANSWER + 1])
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=asking.domain,
            expected_origin=asking.origins,
            require_user_verification=signed_in.realm in MFA_REALMS,
        )
    except Exception as error:  # whatever a forged answer breaks is a refusal
        _note_refused(session, signed_in, client, PasskeyPurpose.REGISTER)
        raise PasskeyRefused from error
    codes: tuple[str, ...] = ()
    device = None
    with transaction(session):
        # One at a time: two first factors at once would both think to be it.
        account = session.get_one(
            Account, signed_in.account_id, with_for_update=True, populate_existing=True
        )
        first = not has_factor(session, account.id)
        if not first and not signed_in.complete:
            raise PasskeyRefused
        if len(of(session, account.id)) >= PASSKEYS:
            raise TooManyPasskeys
        _keep(session, account, name, made)
        if first:
            codes = factors.replace_recovery_codes(session, settings, account)
            sessions.end_all(session, account.id, but=signed_in.id)
            devices.forget(session, account.id)
            device = devices.remember(session, settings, account.id)
        notify(session, account.id, "account_passkey_added")
        record(session, client.actor, "accounts.passkey_add", "account", account.id)
        if not signed_in.complete:
            arrived(session, account, client, new_device=True)
        token = sessions.rotate(
            session, signed_in.id, complete=not signed_in.complete, step_up=True
        )
    return Completed(token, device, codes)


def _keep(
    session: Session,
    account: Account,
    name: str,
    made: VerifiedRegistration,
) -> None:
    try:
        with session.begin_nested():
            session.add(
                Passkey(
                    account_id=account.id,
                    credential_id=made.credential_id,
                    public_key=made.credential_public_key,
                    sign_count=made.sign_count,
                    name=name,
                    created_at=clock.now(),
                )
            )
            session.flush()
    except IntegrityError as error:
        raise PasskeyRefused from error  # it is registered, here or with somebody else


def _take_challenge(session: Session, signed_in: SignedIn, purpose: PasskeyPurpose) -> bytes:
    """Use up the session's challenge, whatever comes of it; raises `PasskeyRefused` without one."""
    with transaction(session):
        found = session.execute(
            delete(PasskeyChallenge)
            .where(PasskeyChallenge.session_id == signed_in.id, PasskeyChallenge.purpose == purpose)
            .returning(PasskeyChallenge.challenge, PasskeyChallenge.expires_at)
        ).first()
    if found is None or found.expires_at <= clock.now():
        raise PasskeyRefused
    return bytes(found.challenge)


def _note_refused(
    session: Session, signed_in: SignedIn, client: Client, purpose: PasskeyPurpose
) -> None:
    with transaction(session):
        record(
            session,
            client.actor,
            "accounts.passkey",
            "account",
            signed_in.account_id,
            outcome="denied",
            purpose=purpose.value,
        )


def sign_in(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    answer: str,
    remember: bool,
    client: Client,
) -> Completed:
    """Complete a sign-in with a passkey; raises `PasskeyRefused` and `throttle.Throttled`."""
    _answered(session, settings, signed_in, PasskeyPurpose.SIGN_IN, answer, client)
    return factors.complete(
        session, settings, signed_in=signed_in, remember=remember, client=client
    )


def step_up(
    session: Session, settings: Settings, *, signed_in: SignedIn, answer: str, client: Client
) -> str:
    """Prove oneself again with a passkey and return the session's new token (SECURITY 26).

    Raises `PasskeyRefused` and `throttle.Throttled`.
    """
    _answered(session, settings, signed_in, PasskeyPurpose.STEP_UP, answer, client)
    return factors.stepped_up(session, signed_in, client)


def _answered(
    session: Session,
    settings: Settings,
    signed_in: SignedIn,
    purpose: PasskeyPurpose,
    answer: str,
    client: Client,
) -> None:
    """Check an answer against the session's challenge and the account's own passkeys.

    Raises `PasskeyRefused`; a passkey whose counter went back is blocked and its owner told.
    """
    _may_ask(session, settings, signed_in, purpose)
    key = f"passkey/{signed_in.account_id}"
    charged = throttle.charge(session, settings, key, cap=False)
    challenge = _take_challenge(session, signed_in, purpose)
    with transaction(session):
        copied = _verified(session, settings, signed_in, challenge, answer, client)
    if copied is not False:
        factors.wrong_code(session, signed_in, client, charged.failures)
        raise PasskeyRefused
    throttle.clear(session, key)


def _verified(
    session: Session,
    settings: Settings,
    signed_in: SignedIn,
    challenge: bytes,
    answer: str,
    client: Client,
) -> bool | None:
    """Return False for a right answer, True for that of a copy, None for a wrong one."""
    asking = party(settings)
    try:
        credential = parse_authentication_credential_json(answer[: LONGEST_ANSWER + 1])
        handle = credential.response.user_handle
    except Exception:  # noqa: BLE001 - whatever a forged answer breaks is a refusal
        return None
    row = session.scalars(
        select(Passkey)
        .where(
            Passkey.account_id == signed_in.account_id,
            Passkey.credential_id == credential.raw_id,
            Passkey.blocked_at.is_(None),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None or (handle and handle != signed_in.account_id.bytes):
        return None
    try:
        right = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=asking.domain,
            expected_origin=asking.origins,
            credential_public_key=row.public_key,
            # Compared below: a counter that went back is more than a wrong answer.
            credential_current_sign_count=0,
            require_user_verification=signed_in.realm in MFA_REALMS,
        )
    except Exception:  # noqa: BLE001 - as above
        return None
    if (row.sign_count or right.new_sign_count) and right.new_sign_count <= row.sign_count:
        row.blocked_at = clock.now()
        notify(session, row.account_id, "account_passkey_copied")
        record(session, client.actor, "accounts.passkey_block", "passkey", row.id, outcome="denied")
        return True
    row.sign_count, row.last_used_at = right.new_sign_count, clock.now()
    session.flush()
    return False
