"""The passkeys that an account has: listed, renamed, taken off."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.access import MFA_REALMS
from heyan.accounts.entry import Client
from heyan.accounts.errors import FactorNeeded, NotFound
from heyan.accounts.held import PASSKEY, drop_factor, factors
from heyan.accounts.models import Account, Passkey
from heyan.accounts.sessions import SignedIn
from heyan.audit.service import record
from heyan.db import transaction
from heyan.notifications.service import notify

# Enough for every device of a person, few enough to look through.
PASSKEYS = 10


def of(session: Session, account_id: uuid.UUID) -> list[Passkey]:
    """Return the account's passkeys, the oldest first (blocked ones too)."""
    session.flush()
    return list(
        session.scalars(
            select(Passkey).where(Passkey.account_id == account_id).order_by(Passkey.id)
        )
    )


def own(session: Session, signed_in: SignedIn, passkey_id: uuid.UUID) -> Passkey:
    """Return one of the person's own passkeys; raises `NotFound`."""
    found = session.scalars(
        select(Passkey).where(Passkey.id == passkey_id, Passkey.account_id == signed_in.account_id)
    ).first()
    if found is None:
        raise NotFound
    return found


def rename(
    session: Session, *, signed_in: SignedIn, passkey_id: uuid.UUID, name: str, client: Client
) -> None:
    """Call a passkey something else; raises `NotFound`."""
    with transaction(session):
        own(session, signed_in, passkey_id).name = name
        record(session, client.actor, "accounts.passkey_rename", "passkey", passkey_id)


def remove(session: Session, *, signed_in: SignedIn, passkey_id: uuid.UUID, client: Client) -> None:
    """Take a passkey off the account; its owner is told.

    Raises `NotFound`, and `FactorNeeded` for the last factor of someone who must have one.
    """
    with transaction(session):
        account = session.get_one(
            Account, signed_in.account_id, with_for_update=True, populate_existing=True
        )
        row = own(session, signed_in, passkey_id)
        others = [
            each
            for each in of(session, account.id)
            if each.id != row.id and each.blocked_at is None
        ]
        left = others or factors(session, account.id) - {PASSKEY}
        forced = account.realm in MFA_REALMS or account.second_factor_required
        if not left and forced:
            raise FactorNeeded
        session.delete(row)
        session.flush()
        record(session, client.actor, "accounts.passkey_remove", "passkey", passkey_id)
        if not left:
            drop_factor(session, account)
        else:
            notify(session, account.id, "account_passkey_removed")
