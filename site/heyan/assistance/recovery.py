"""Back into an account by possession of its number, and out with strangers (B4, C-35, S-102).

A code goes to the number on file, by SMS or read out on a call back to it; nothing is asked that
somebody could know. Nobody on the staff sees or chooses a password.
"""

from __future__ import annotations

import hmac
import uuid
from datetime import timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import assisted, totp
from heyan.accounts.entry import login_index
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.accounts.throttle import charge, clear
from heyan.assistance import doors
from heyan.assistance.models import AccountCode, AccountFreeze, CodePurpose
from heyan.audit.service import Actor, record
from heyan.db import blind_index, transaction, uuid7
from heyan.notifications import proofs
from heyan.notifications.models import ProofPurpose
from heyan.notifications.service import notify
from heyan.settings import Settings

# CONTROLS 5: assisted reset 8 base32 characters, 10 minutes, 3 tries.
RESET_LENGTH, RESET_LIFE, RESET_TRIES = 8, timedelta(minutes=10), 3
WAYS = ("sms", "callback")


class AccountUnknown(Exception):
    """There is no such account of a student or parent."""


class CodeWrong(Exception):
    """Number and code do not belong together, or the code is used, used up or too old."""


class NotFrozen(Exception):
    """The account was frozen before, or cannot be."""


def _digest(account_id: uuid.UUID, code: str) -> bytes:
    return blind_index(f"{account_id}/{totp.plain_code(code)}", "account_codes")


def _replace_code(
    session: Session,
    account_id: uuid.UUID,
    purpose: CodePurpose,
    *,
    way: str,
    code: str,
    life: timedelta,
    issued_by: uuid.UUID | None,
) -> AccountCode:
    """Let a fresh code hold, and none before it; the account's row is locked by the caller."""
    moment = clock.now()
    session.execute(
        update(AccountCode)
        .where(
            AccountCode.account_id == account_id,
            AccountCode.purpose == purpose,
            AccountCode.ended_at.is_(None),
        )
        .values(ended_at=moment)
    )
    row = AccountCode(
        account_id=account_id,
        purpose=purpose,
        way=way,
        code_hash=_digest(account_id, code),
        tries=0,
        issued_by=issued_by,
        issued_at=moment,
        expires_at=moment + life,
    )
    session.add(row)
    session.flush()
    return row


def issue_reset(
    session: Session, settings: Settings, actor: Actor, account_id: uuid.UUID, way: str
) -> str | None:
    """Issue a reset code for its owner alone: by SMS, or read out on a call back.

    Returns the code for the call back, to be shown once; None when it went by SMS. Raises
    `AccountUnknown`, and `doors.CannotSend` when no SMS can go out (then nothing was issued).
    """
    if way not in WAYS:
        raise ValueError(way)
    code = totp.new_code(RESET_LENGTH)
    with transaction(session):
        account = assisted.public_account(session, account_id, lock=True)
        if account is None or not _may_reset(session, account):
            raise AccountUnknown
        _replace_code(
            session,
            account.id,
            CodePurpose.RESET,
            way=way,
            code=code,
            life=RESET_LIFE,
            issued_by=actor.id,
        )
        if way == "sms":
            doors.text_code(
                session,
                settings,
                phone=account.login,
                kind="assisted_reset",
                code=code,
                source=f"account:{account.id}",
            )
        notify(session, account.id, "account_reset_issued")
        record(session, actor, "assistance.issue_reset", "account", account.id, way=way)
    return code if way == "callback" else None


def _may_reset(session: Session, account: Account) -> bool:
    """Tell whether the account lets its owner in, or is frozen until they reset it."""
    return account.status is AccountStatus.ACTIVE or frozen(session, account.id)


def reset(
    session: Session, settings: Settings, actor: Actor, *, phone: str, code: str, password: str
) -> None:
    """Set the owner's own new password against a code; sessions end, the second factor stays.

    Raises `CodeWrong` (the same for a number without an account), `PasswordRefused` (the code
    stays good), `throttle.Throttled`.
    """
    found, row = _take(session, settings, phone, code, CodePurpose.RESET, RESET_TRIES)
    assisted.check_password(session, settings, found, password)
    with transaction(session):
        # Under its lock, as whoever freezes it: closed meanwhile, it is not opened again.
        account = assisted.public_account(session, found.id, lock=True)
        if account is None or not _may_reset(session, account):
            raise CodeWrong
        ended = session.execute(
            update(AccountCode)
            .where(AccountCode.id == row, AccountCode.ended_at.is_(None))
            .values(ended_at=clock.now())
            .returning(AccountCode.id)
        ).first()
        if ended is None:
            raise CodeWrong
        assisted.reset_password(session, settings, account, password, reopen=True)
        session.execute(
            update(AccountFreeze)
            .where(AccountFreeze.account_id == account.id, AccountFreeze.ended_at.is_(None))
            .values(ended_at=clock.now())
        )
        record(session, actor, "assistance.reset", "account", account.id)


def _take(
    session: Session, settings: Settings, phone: str, code: str, purpose: CodePurpose, most: int
) -> tuple[Account, uuid.UUID]:
    """Count a try and return whose code it is; a try is counted before the code is looked at."""
    key = f"code/{purpose.value}/{login_index(Realm.PUBLIC, phone).hex()}"
    charge(session, settings, key, cap=False)
    account = assisted.by_phone(session, phone)
    owner = account.id if account is not None else uuid.UUID(int=0)
    with transaction(session):
        row = session.execute(
            update(AccountCode)
            .where(
                AccountCode.account_id == owner,
                AccountCode.purpose == purpose,
                AccountCode.ended_at.is_(None),
                AccountCode.expires_at > clock.now(),
                AccountCode.tries < most,
            )
            .values(tries=AccountCode.tries + 1)
            .returning(AccountCode.id, AccountCode.code_hash)
        ).first()
    right = row is not None and hmac.compare_digest(bytes(row[1]), _digest(owner, code))
    if account is None or row is None or not right:
        raise CodeWrong
    # A refused password is no wrong code: the try is given back.
    with transaction(session):
        session.execute(
            update(AccountCode).where(AccountCode.id == row[0]).values(tries=AccountCode.tries - 1)
        )
        clear(session, key)
    return account, row[0]


# --- an account in strange hands (S-102) ------------------------------------------------------


def frozen(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account is frozen now: no sign-in, nothing of it is released."""
    asked = exists().where(AccountFreeze.account_id == account_id, AccountFreeze.ended_at.is_(None))
    return bool(session.scalar(select(asked)))


def send_freeze_code(session: Session, actor: Actor, *, phone: str, source: str) -> None:
    """Have a six-digit code sent to a number; nobody is told whether it has an account.

    The worker finds that out, so a known number costs here what an unknown one does (C-32).
    """
    with transaction(session):
        proofs.ask_reset(session, phone=phone, source=source, purpose=ProofPurpose.FREEZE)
        record(session, actor, "assistance.ask_freeze_code", "account", None)


def freeze_by_code(
    session: Session, settings: Settings, actor: Actor, *, phone: str, code: str
) -> None:
    """Freeze the account of a number whose owner has the code.

    Raises `CodeWrong`, `throttle.Throttled`, and what `freeze` raises.
    """
    key = f"code/freeze/{login_index(Realm.PUBLIC, phone).hex()}"
    charge(session, settings, key, cap=False)
    right = proofs.take_freeze_code(session, settings, phone, code)
    account = assisted.by_phone(session, phone)
    if account is None or not right:
        raise CodeWrong
    clear(session, key)
    freeze(session, actor, account.id, reported_by="owner")


def freeze(session: Session, actor: Actor, account_id: uuid.UUID, *, reported_by: str) -> None:
    """End all sessions and let nobody in, release nothing, and tell who has to look into it.

    Raises `AccountUnknown`, and `NotFrozen` when it cannot be or was before. The incident is a
    draft on record: an audit entry, and a notice to each privacy officer.
    """
    with transaction(session):
        account = assisted.public_account(session, account_id, lock=True)
        if account is None:
            raise AccountUnknown
        if account.status is not AccountStatus.ACTIVE:
            raise NotFrozen
        made = session.execute(
            insert(AccountFreeze)
            .values(id=uuid7(), account_id=account.id, reported_by=reported_by, at=clock.now())
            .on_conflict_do_nothing()
            .returning(AccountFreeze.id)
        ).first()
        if made is None:
            raise NotFrozen
        ended = assisted.shut(session, account)
        session.execute(
            update(AccountCode)
            .where(AccountCode.account_id == account.id, AccountCode.ended_at.is_(None))
            .values(ended_at=clock.now())
        )
        notify(session, account.id, "account_frozen")
        for officer in _officers(session):
            notify(session, officer, "incident_account", subject_id=account.id)
        record(
            session,
            actor,
            "assistance.freeze",
            "account",
            account.id,
            reported_by=reported_by,
            sessions=ended,
            incident="draft",
        )


def _officers(session: Session) -> list[uuid.UUID]:
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(AccountRole.role == Role.PRIVACY_OFFICER, Account.status == AccountStatus.ACTIVE)
        )
    )
