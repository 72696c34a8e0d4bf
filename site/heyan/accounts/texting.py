"""Switching codes by SMS on and off as one's second factor (CONTROLS Q16)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from heyan.accounts import factors
from heyan.accounts.entry import Client
from heyan.accounts.errors import FactorNeeded, WrongCode
from heyan.accounts.factors import Completed
from heyan.accounts.held import SMS, drop_factor, has_factor
from heyan.accounts.held import factors as held_factors
from heyan.accounts.models import Account
from heyan.accounts.sessions import SignedIn
from heyan.accounts.texted import may_set_up
from heyan.audit.service import record
from heyan.db import transaction
from heyan.notifications import proofs
from heyan.notifications.service import notify, set_sms_factor
from heyan.settings import Settings


def ask(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    client: Client,
    source: str,
    locale: str,
) -> None:
    """Send the first code to the number the person signs in with.

    Raises `WrongCode` where it cannot be set up, `ChannelOff` and `BudgetSpent`.
    """
    if not may_set_up(session, settings, signed_in):
        raise WrongCode
    proofs.ask_phone(
        session,
        settings,
        client.actor,
        account_id=signed_in.account_id,
        source=source,
        locale=locale,
    )


def turn_on(
    session: Session,
    settings: Settings,
    *,
    signed_in: SignedIn,
    code: str,
    client: Client,
    locale: str,
) -> Completed:
    """Verify the number by *code* and let its codes be a second factor from now on.

    The first factor brings recovery codes; sessions and browsers that came without it end.
    Raises `WrongCode`.
    """
    if not may_set_up(session, settings, signed_in):
        raise WrongCode
    try:
        proofs.confirm_phone(
            session,
            settings,
            client.actor,
            account_id=signed_in.account_id,
            code=code.replace(" ", ""),
            locale=locale,
        )
    except proofs.ProofInvalid:
        raise WrongCode from None
    with transaction(session):
        # Under its lock: two first factors at once would both think to be it.
        account = session.get_one(
            Account, signed_in.account_id, with_for_update=True, populate_existing=True
        )
        first = not has_factor(session, account.id)
        if not first and not signed_in.complete:
            raise WrongCode
        set_sms_factor(session, account.id, on=True)
        shown = factors.replace_recovery_codes(session, settings, account) if first else ()
        notify(session, account.id, "account_sms_factor_on")
        record(session, client.actor, "accounts.sms_factor_on", "account", account.id)
        return factors.in_use(session, settings, account, signed_in, client, shown)


def turn_off(session: Session, *, signed_in: SignedIn, client: Client) -> None:
    """Let codes by SMS open nothing more; the number stays verified.

    Raises `FactorNeeded` for the last factor of someone who must have one.
    """
    with transaction(session):
        account = session.get_one(
            Account, signed_in.account_id, with_for_update=True, populate_existing=True
        )
        left = held_factors(session, account.id) - {SMS}
        if not left and account.second_factor_required:
            raise FactorNeeded
        if left:
            set_sms_factor(session, account.id, on=False)
            notify(session, account.id, "account_sms_factor_off")
        else:
            drop_factor(session, account)
        record(session, client.actor, "accounts.sms_factor_off", "account", account.id)
