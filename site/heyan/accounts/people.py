"""Who may sign in for staff and organizers: invite, activate, disable (C-33, C-43).

Nobody chooses or learns another's password: an invitation is a code for one use, and what is
behind it is set by the person who holds it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, true, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import REALM_OF, Realm, Role, compatible
from heyan.accounts import devices, sessions, totp
from heyan.accounts.entry import find, login_index, normal_login, set_password
from heyan.accounts.errors import (
    InvitationInvalid,
    LoginTaken,
    NotFound,
    NotThisOne,
    RolesRefused,
)
from heyan.accounts.models import (
    Account,
    AccountRole,
    AccountStatus,
    Invitation,
)
from heyan.accounts.twofold import person_index
from heyan.audit.service import Actor, record
from heyan.db import blind_index, transaction
from heyan.notifications.service import notify
from heyan.settings import Settings

CODE_LENGTH = 16
# Handed to students and parents on paper (CONTROLS 5).
HANDED_OUT = 12
STAFF_LIFETIME = timedelta(hours=48)
OTHER_LIFETIME = timedelta(days=14)
# The role without whose last holder nobody could let anyone in again.
KEEPER = {Realm.STAFF: Role.ADMINISTRATOR, Realm.ORGANIZER: Role.ORGANIZER_OWNER}


@dataclass(frozen=True)
class InvitationCode:
    """A fresh way in; the code is here and nowhere else."""

    account_id: uuid.UUID
    code: str
    expires_at: datetime


def invite(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    login: str,
    name: str,
    roles: Iterable[Role],
    organization_id: uuid.UUID | None = None,
    lifetime: timedelta | None = None,
    staff_number: str = "",
) -> InvitationCode:
    """Make an account that cannot sign in yet and return its one-time code.

    *login* is a name (staff, organizer) or an E.164 phone (public). Raises `LoginTaken` and
    `RolesRefused`; an organizer's account needs its *organization_id*.
    *staff_number* is one human's, so that two accounts of theirs never count as two people.
    """
    given = frozenset(roles)
    if not given or any(REALM_OF[role] is not realm for role in given) or not compatible(given):
        raise RolesRefused
    if (realm is Realm.ORGANIZER) != (organization_id is not None):
        raise RolesRefused
    login = normal_login(realm, login)
    moment = clock.now()
    with transaction(session):
        if find(session, realm, login) is not None:
            raise LoginTaken
        account = Account(
            realm=realm,
            login=login,
            login_index=login_index(realm, login),
            name=name,
            person_index=person_index(staff_number) if staff_number else None,
            password_hash=None,
            second_factor_required=realm is not Realm.PUBLIC,
            status=AccountStatus.ACTIVE,
            organization_id=organization_id,
            failed_count=0,
            created_at=moment,
        )
        session.add(account)
        session.flush()
        session.add_all(
            AccountRole(account_id=account.id, role=role, granted_by=actor.id, granted_at=moment)
            for role in given
        )
        record(
            session,
            actor,
            "accounts.invite",
            "account",
            account.id,
            realm=realm.value,
            roles=sorted(role.value for role in given),
            organization_id=organization_id,
        )
        return _issue(session, actor, account, lifetime)


def _issue(
    session: Session, actor: Actor, account: Account, lifetime: timedelta | None
) -> InvitationCode:
    public = account.realm is Realm.PUBLIC
    moment, code = clock.now(), totp.new_code(HANDED_OUT if public else CODE_LENGTH)
    usual = STAFF_LIFETIME if account.realm is Realm.STAFF else OTHER_LIFETIME
    expires = moment + (lifetime or usual)
    _withdraw(session, account.id)
    session.add(
        Invitation(
            account_id=account.id,
            code_hash=_code_hash(code),
            created_at=moment,
            expires_at=expires,
            invited_by=actor.id,
        )
    )
    session.flush()
    return InvitationCode(account.id, code, expires)


def _withdraw(session: Session, account_id: uuid.UUID) -> None:
    session.execute(
        update(Invitation)
        .where(Invitation.account_id == account_id, Invitation.used_at.is_(None))
        .values(used_at=clock.now())
    )


def _code_hash(code: str) -> bytes:
    plain = totp.plain_code(code)
    if len(plain) == HANDED_OUT:
        # 60 random bits might be searched by whoever reads the table: so under a key.
        return blind_index(plain, "accounts.invitation")
    # 80 random bits: a plain digest cannot be searched.
    return hashlib.sha256(b"heyan invitation" + plain.encode()).digest()


def invited(session: Session, code: str) -> Account | None:
    """Return the public account that a handed-out code is good for; nothing is used up."""
    return session.scalars(
        select(Account)
        .join(Invitation, Invitation.account_id == Account.id)
        .where(
            Invitation.code_hash == _code_hash(code),
            Invitation.used_at.is_(None),
            Invitation.expires_at > clock.now(),
            Account.status == AccountStatus.ACTIVE,
            Account.realm == Realm.PUBLIC,
        )
    ).first()


def activate(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    code: str,
    password: str,
    public: bool = False,
) -> Account:
    """Use an invitation's code to set the account's password, and return the account.

    A student's or parent's first code is taken only where consent is asked (*public*). A second
    factor that is there stays; sessions that are there end (C-35). Raises `InvitationInvalid` and
    `PasswordRefused`; a refused password leaves the code good.
    """
    with transaction(session):
        found = session.execute(
            select(Invitation, Account)
            .join(Account, Account.id == Invitation.account_id)
            .where(
                Invitation.code_hash == _code_hash(code),
                Invitation.used_at.is_(None),
                Invitation.expires_at > clock.now(),
                Account.status == AccountStatus.ACTIVE,
                true()
                if public
                else or_(Account.realm != Realm.PUBLIC, Account.password_hash.is_not(None)),
            )
            .with_for_update(of=Invitation)
        ).first()
        if found is None:
            raise InvitationInvalid
        invitation, account = found
        set_password(session, settings, account, password)
        invitation.used_at = clock.now()
        notify(session, account.id, "account_password_changed")
        record(session, actor, "accounts.activate", "account", account.id)
    return account


# --- lists and what may be done from them ----------------------------------------------------


def managed(
    session: Session, realm: Realm, account_id: uuid.UUID, organization_id: uuid.UUID | None
) -> Account:
    """Return an account within what an actor manages, locked; raises `NotFound`."""
    found = session.scalars(
        select(Account)
        .where(
            Account.id == account_id,
            Account.realm == realm,
            Account.organization_id == organization_id,
        )
        .with_for_update()
    ).first()
    if found is None:
        raise NotFound
    return found


def is_member(
    session: Session, realm: Realm, account_id: uuid.UUID, organization_id: uuid.UUID | None
) -> bool:
    """Tell whether there is such an account within what an actor manages."""
    return (
        session.scalars(
            select(Account.id).where(
                Account.id == account_id,
                Account.realm == realm,
                Account.organization_id == organization_id,
            )
        ).first()
        is not None
    )


def disable(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    account_id: uuid.UUID,
    organization_id: uuid.UUID | None = None,
) -> None:
    """Shut an account out at once: sessions, known browsers and invitations end.

    Raises `NotFound`, and `NotThisOne` for oneself and for the last who could let others in.
    """
    with transaction(session):
        keepers = _keepers(session, realm, organization_id)
        account = managed(session, realm, account_id, organization_id)
        if account.id == actor.id or keepers == [account.id]:
            raise NotThisOne
        account.status = AccountStatus.DISABLED
        _withdraw(session, account.id)
        sessions.end_all(session, account.id)
        devices.forget(session, account.id)
        record(session, actor, "accounts.disable", "account", account.id)


def _keepers(session: Session, realm: Realm, organization_id: uuid.UUID | None) -> list[uuid.UUID]:
    """Return who could let others in, locked in one order before anything else is.

    So two who shut each other out at once wait for one another, and the second finds itself last.
    """
    return list(
        session.scalars(
            select(Account.id)
            .join(AccountRole, AccountRole.account_id == Account.id)
            .where(
                Account.realm == realm,
                AccountRole.role == KEEPER.get(realm),
                Account.status == AccountStatus.ACTIVE,
                Account.organization_id == organization_id,
            )
            .order_by(Account.id)
            .with_for_update(of=Account)
        )
    )


def enable(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    account_id: uuid.UUID,
    organization_id: uuid.UUID | None = None,
) -> None:
    """Let a disabled account sign in again; raises `NotFound`."""
    with transaction(session):
        account = managed(session, realm, account_id, organization_id)
        account.status = AccountStatus.ACTIVE
        record(session, actor, "accounts.enable", "account", account.id)


def end_sessions(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    account_id: uuid.UUID,
    organization_id: uuid.UUID | None = None,
) -> int:
    """End all sessions of an account and return how many; raises `NotFound` (C-43)."""
    with transaction(session):
        account = managed(session, realm, account_id, organization_id)
        ended = sessions.end_all(session, account.id)
        devices.forget(session, account.id)
        record(session, actor, "accounts.end_sessions", "account", account.id, count=ended)
        return ended


def reissue(
    session: Session,
    actor: Actor,
    *,
    realm: Realm,
    account_id: uuid.UUID,
    organization_id: uuid.UUID | None = None,
    lifetime: timedelta | None = None,
) -> InvitationCode:
    """Give a fresh code to someone whose invitation ran out or whose password is lost.

    The present password stays good until the code is used. Raises `NotFound`.
    """
    with transaction(session):
        account = managed(session, realm, account_id, organization_id)
        if account.status is not AccountStatus.ACTIVE:
            raise NotFound
        issued = _issue(session, actor, account, lifetime)
        record(session, actor, "accounts.reissue", "account", account.id)
        return issued
