"""Second factors: set up an authenticator, codes, recovery codes, step-up (SECURITY 24 to 26).

A code is checked under a lock on its factor's row, so that two requests at once cannot both use
it; six wrong ones in a row slow the next, but nobody without the password gets this far.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import MFA_REALMS
from heyan.accounts import devices, sessions, texted, throttle, totp
from heyan.accounts.entry import (
    Client,
    arrived,
    note_sign_in,
    verify_password,
)
from heyan.accounts.errors import FactorNeeded, WrongCode
from heyan.accounts.held import TOTP, drop_factor, factors, has_factor
from heyan.accounts.models import Account, RecoveryCode, SignInOutcome, TotpFactor
from heyan.accounts.passwords import hasher
from heyan.accounts.sessions import SignedIn
from heyan.audit.service import record
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.settings import Settings

WRONG_CODES_NOTICE = 3


@dataclass(frozen=True)
class Completed:
    """A second factor was given: the session's new token, and a device token if remembered."""

    token: str
    device: str | None = None
    recovery_codes: tuple[str, ...] = ()


def set_up_totp(session: Session, settings: Settings, signed_in: SignedIn) -> str:
    """Return the secret to show on the set-up page, the same until its first code is given.

    It follows from the session and the authenticator it replaces, under a key of the site's: so
    showing it writes nothing, a page that is loaded again shows it again, and whoever saw one in
    another session knows nothing of this one.
    """
    return _secret_to_come(settings, signed_in, session.get(TotpFactor, signed_in.account_id))


def _secret_to_come(settings: Settings, signed_in: SignedIn, present: TotpFactor | None) -> str:
    before = present.secret if present is not None else ""
    digest = hasher(settings).digest(f"totp/{signed_in.account_id}/{signed_in.id}", before)
    return base64.b32encode(digest[:20]).decode()


def confirm_totp(
    session: Session, settings: Settings, *, signed_in: SignedIn, code: str, client: Client
) -> Completed:
    """Take the new secret into use with its first code; recovery codes come with it.

    Completes an incomplete session. Other sessions and known browsers end: they came without this
    factor. Raises `WrongCode` and `throttle.Throttled`.
    """
    key = f"totp/{signed_in.account_id}"
    charged = throttle.charge(session, settings, key, cap=False)
    wrong = False
    with transaction(session):
        # The account's row is locked, since there may be no factor's row yet.
        account = session.get_one(Account, signed_in.account_id, with_for_update=True)
        factor = session.get(TotpFactor, account.id, with_for_update=True, populate_existing=True)
        # Who still owes the present factor may not put another in its place (SECURITY 24).
        if not signed_in.complete and has_factor(session, account.id):
            raise WrongCode
        secret = _secret_to_come(settings, signed_in, factor)
        step = totp.matching_step(secret, code, epoch=clock.now().timestamp(), last_step=0)
        if step is None:
            wrong = True
        else:
            if factor is None:
                factor = TotpFactor(account_id=account.id)
                session.add(factor)
            factor.secret, factor.confirmed_at, factor.last_step = secret, clock.now(), step
            session.flush()
    if wrong or step is None:
        wrong_code(session, signed_in, client, charged.failures)
        raise WrongCode
    with transaction(session):
        throttle.clear(session, key)
        codes = replace_recovery_codes(session, settings, account)
        notify(session, account.id, "account_factor_added")
        record(session, client.actor, "accounts.totp_confirm", "account", account.id)
        return in_use(session, settings, account, signed_in, client, codes)


def in_use(
    session: Session,
    settings: Settings,
    account: Account,
    signed_in: SignedIn,
    client: Client,
    codes: tuple[str, ...],
) -> Completed:
    """End what came without the factor that was just set up, and let its owner go on.

    In the caller's transaction; *codes* are the recovery codes to show with it.
    """
    sessions.end_all(session, account.id, but=signed_in.id)
    devices.forget(session, account.id)
    if not signed_in.complete:
        arrived(session, account, client, new_device=True)
    token = sessions.rotate(session, signed_in.id, complete=not signed_in.complete, step_up=True)
    return Completed(token, devices.remember(session, settings, account.id), codes)


def enter_code(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    code: str,
    remember: bool,
    client: Client,
) -> Completed:
    """Complete a sign-in with a code of any kind; raises `WrongCode` and `Throttled`.

    *remember* makes a public account's browser known for 30 days; staff and organizer browsers
    are known anyway, but still give a code every time.
    """
    _check_code(session, settings, signed_in, code, client)
    return complete(session, settings, signed_in=signed_in, remember=remember, client=client)


def complete(
    session: Session, settings: Settings, *, signed_in: SignedIn, remember: bool, client: Client
) -> Completed:
    """Let in a session whose second factor was just found right (`enter_code`, passkeys)."""
    account = session.get_one(Account, signed_in.account_id)
    device = devices.known(session, account.id, client.devices)
    with transaction(session):
        arrived(session, account, client, new_device=device is None)
        sessions.make_room(session, settings, account, complete=True)
        token = sessions.rotate(session, signed_in.id, complete=True, step_up=True)
        kept = None
        if remember or account.realm in MFA_REALMS:
            kept = devices.remember(session, settings, account.id, replacing=device)
    return Completed(token, kept)


def step_up(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    secret: str,
    client: Client,
) -> str:
    """Prove oneself again within a session and return its new token.

    *secret* is a code where there is a second factor, else the password. Raises `WrongCode`,
    `WrongPassword` and `throttle.Throttled`.
    """
    if has_factor(session, signed_in.account_id):
        _check_code(session, settings, signed_in, secret, client)
    else:
        account = session.get_one(Account, signed_in.account_id)
        verify_password(session, settings, account, secret)
    return stepped_up(session, signed_in, client)


def stepped_up(session: Session, signed_in: SignedIn, client: Client) -> str:
    """Write down a fresh proof that was just found right and return the session's new token."""
    with transaction(session):
        record(session, client.actor, "accounts.step_up", "account", signed_in.account_id)
        return sessions.rotate(session, signed_in.id, complete=False, step_up=True)


def _check_code(
    session: Session, settings: Settings, signed_in: SignedIn, code: str, client: Client
) -> None:
    key = f"totp/{signed_in.account_id}"
    charged = throttle.charge(session, settings, key, cap=False)
    with transaction(session):
        right = (
            _use_totp(session, signed_in, code)
            or _use_recovery_code(session, settings, signed_in, code, client)
            or texted.use(session, settings, signed_in, code)
        )
    if not right:
        wrong_code(session, signed_in, client, charged.failures)
        raise WrongCode
    throttle.clear(session, key)


def _use_totp(session: Session, signed_in: SignedIn, code: str) -> bool:
    factor = session.get(
        TotpFactor, signed_in.account_id, with_for_update=True, populate_existing=True
    )
    if factor is None or factor.confirmed_at is None:
        return False
    step = totp.matching_step(
        factor.secret, code, epoch=clock.now().timestamp(), last_step=factor.last_step
    )
    if step is None:
        return False
    factor.last_step = step
    session.flush()
    return True


def _use_recovery_code(
    session: Session, settings: Settings, signed_in: SignedIn, code: str, client: Client
) -> bool:
    found = session.scalars(
        select(RecoveryCode)
        .where(
            RecoveryCode.account_id == signed_in.account_id,
            RecoveryCode.code_hash == _digest(settings, signed_in, code),
            RecoveryCode.used_at.is_(None),
        )
        .with_for_update()
    ).first()
    if found is None:
        return False
    found.used_at = clock.now()
    left = recovery_codes_left(session, signed_in)
    notify(session, signed_in.account_id, "account_recovery_code_used", left=left)
    record(
        session,
        client.actor,
        "accounts.recovery_code_use",
        "account",
        signed_in.account_id,
        left=left,
    )
    return True


def _digest(settings: Settings, signed_in: SignedIn, code: str) -> bytes:
    purpose = f"recovery/{signed_in.account_id}"
    return hasher(settings).digest(purpose, totp.plain_code(code))


def wrong_code(session: Session, signed_in: SignedIn, client: Client, failures: int) -> None:
    """Write a wrong second factor down, and tell the owner when they add up (C-39)."""
    with transaction(session):
        note_sign_in(session, signed_in.account_id, client, SignInOutcome.WRONG_CODE)
        if failures == WRONG_CODES_NOTICE:
            notify(session, signed_in.account_id, "account_wrong_codes")
        record(
            session,
            client.actor,
            "accounts.code",
            "account",
            signed_in.account_id,
            outcome="denied",
        )


def recovery_codes_left(session: Session, signed_in: SignedIn) -> int:
    """Return how many recovery codes are still good."""
    session.flush()
    return (
        session.scalar(
            select(func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.account_id == signed_in.account_id, RecoveryCode.used_at.is_(None))
        )
        or 0
    )


def new_recovery_codes(
    session: Session, settings: Settings, *, signed_in: SignedIn, client: Client
) -> tuple[str, ...]:
    """Replace the recovery codes and return the new ones, shown once (SECURITY 25).

    Raises `FactorNeeded` without a second factor.
    """
    if not has_factor(session, signed_in.account_id):
        raise FactorNeeded
    with transaction(session):
        account = session.get_one(Account, signed_in.account_id)
        codes = replace_recovery_codes(session, settings, account)
        notify(session, account.id, "account_recovery_codes")
        record(session, client.actor, "accounts.recovery_codes", "account", account.id)
    return codes


def replace_recovery_codes(
    session: Session, settings: Settings, account: Account
) -> tuple[str, ...]:
    """Make ten fresh recovery codes in place of those there are, in the caller's transaction."""
    codes = tuple(totp.new_recovery_codes())
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))
    session.add_all(
        RecoveryCode(
            account_id=account.id,
            code_hash=hasher(settings).digest(f"recovery/{account.id}", totp.plain_code(code)),
        )
        for code in codes
    )
    session.flush()
    return codes


def remove_totp(session: Session, *, signed_in: SignedIn, client: Client) -> None:
    """Take the authenticator off where another factor is left, or the password may stand alone.

    Raises `FactorNeeded` for everyone else.
    """
    with transaction(session):
        account = session.get_one(
            Account, signed_in.account_id, with_for_update=True, populate_existing=True
        )
        left = factors(session, account.id) - {TOTP}
        if not left and (account.realm in MFA_REALMS or account.second_factor_required):
            raise FactorNeeded
        if left:
            session.execute(delete(TotpFactor).where(TotpFactor.account_id == account.id))
            notify(session, account.id, "account_factor_removed")
        else:
            drop_factor(session, account)
        record(session, client.actor, "accounts.totp_remove", "account", account.id)
