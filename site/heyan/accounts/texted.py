"""Codes by SMS as a student's second factor (CONTROLS Q16): the weaker one, and their own choice.

A number can be taken over without its owner (NIST SP 800-63B calls such codes restricted), so
nobody has it without switching it on, and colleagues and organizers cannot. A code goes to the
verified number of the account alone, is good in the session that asked and in no other, and
counts against the number's budget like every other SMS.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.held import has_factor
from heyan.accounts.models import Account
from heyan.accounts.sessions import SignedIn
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.notifications import codes
from heyan.notifications.models import ProofPurpose, Reach
from heyan.notifications.service import sms_factor
from heyan.settings import Settings


def number(session: Session, signed_in: SignedIn) -> Reach | None:
    """Return where codes go: the verified number the person signs in with, where it is a factor."""
    if signed_in.realm is not Realm.PUBLIC:
        return None
    reach = sms_factor(session, signed_in.account_id)
    if reach is None or reach.address != session.get_one(Account, signed_in.account_id).login:
        return None
    return reach


def send(
    session: Session, settings: Settings, actor: Actor, *, signed_in: SignedIn, source: str
) -> None:
    """Send a code for this session; without such a factor nothing goes out and nothing is said.

    Raises `codes.ChannelOff` and `outbox.BudgetSpent`.
    """
    reach = number(session, signed_in)
    if reach is None:
        return
    with transaction(session):
        codes.send(
            session,
            settings,
            purpose=ProofPurpose.SIGN_IN,
            kind="sign_in_code",
            account_id=signed_in.account_id,
            phone=reach.address,
            source=source,
            locale=reach.locale,
            session_id=signed_in.id,
        )
        record(session, actor, "accounts.sms_code", "account", signed_in.account_id)


def use(session: Session, settings: Settings, signed_in: SignedIn, code: str) -> bool:
    """Use a code up that went out for this session; counts a try at it."""
    waiting = codes.latest(session, signed_in.account_id, ProofPurpose.SIGN_IN, signed_in.id)
    if waiting is None or number(session, signed_in) is None:
        return False
    proof = codes.take(session, settings, waiting, code.replace(" ", ""))
    return proof is not None and codes.use(session, proof.id)


def may_set_up(session: Session, settings: Settings, signed_in: SignedIn) -> bool:
    """Tell whether the person can be offered it: a student or parent, and SMS go out at all.

    Who still owes the present factor sets up no other (SECURITY 24).
    """
    if signed_in.realm is not Realm.PUBLIC or "sms" not in settings.channels:
        return False
    return signed_in.complete or not has_factor(session, signed_in.account_id)
