"""Codes and links: that an address is one's own, and that a new password is asked for by its owner.

Codes stand in `codes`. A link has 256 bits, lives an hour and is used up by the form on its page,
never by opening it (mail programs open links). Only keyed digests are kept.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from heyan import clock, jobs
from heyan.access import Realm
from heyan.accounts import passwords
from heyan.accounts.entry import check_new, login_index, set_password
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import Actor, record
from heyan.db import blind_index, transaction
from heyan.notifications import codes, outbox
from heyan.notifications.codes import ChannelOff
from heyan.notifications.models import MessageChannel, Proof, ProofPurpose, Reach
from heyan.notifications.service import notify
from heyan.settings import Settings

EMAIL, SMS = MessageChannel.EMAIL, MessageChannel.SMS


class ProofInvalid(Exception):
    """The code or link is wrong, over, used, or tried too often."""


def link_digest(token: str) -> bytes:
    """Return what is kept of a link."""
    return blind_index(token, "proofs.link")


def reaches(session: Session, account_id: uuid.UUID) -> dict[MessageChannel, Reach]:
    """Return the account's verified addresses."""
    found = session.scalars(select(Reach).where(Reach.account_id == account_id))
    return {reach.channel: reach for reach in found}


# --- an address is one's own -----------------------------------------------------------------


def ask_email(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    account_id: uuid.UUID,
    email: str,
    source: str,
    locale: str,
) -> None:
    """Send a link to *email*; the old address stays until it is used.

    Raises `ChannelOff` and `outbox.BudgetSpent`.
    """
    if EMAIL.value not in settings.channels:
        raise ChannelOff
    token, now = secrets.token_urlsafe(32), clock.now()
    until = now + timedelta(minutes=settings.message_link_minutes)
    with transaction(session):
        _forget_links(session, account_id)
        session.add(
            Proof(
                purpose=ProofPurpose.VERIFY,
                account_id=account_id,
                channel=EMAIL,
                address=email,
                source=source,
                link_hash=link_digest(token),
                link_until=until,
                created_at=now,
            )
        )
        outbox.send_code(
            session, settings, kind="verify_email", code=token, source=source, email=email,
            account_id=account_id, locale=locale, expires_at=until,
        )  # fmt: skip
        record(session, actor, "channels.ask", "account", account_id, channel="email")


def ask_phone(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    account_id: uuid.UUID,
    source: str,
    locale: str,
) -> None:
    """Send a code to the account's own number; raises `ChannelOff` and `outbox.BudgetSpent`."""
    with transaction(session):
        codes.send(
            session,
            settings,
            purpose=ProofPurpose.VERIFY,
            kind="verify_phone",
            account_id=account_id,
            phone=session.get_one(Account, account_id).login,
            source=source,
            locale=locale,
        )
        record(session, actor, "channels.ask", "account", account_id, channel="sms")


def _forget_links(session: Session, account_id: uuid.UUID) -> None:
    """End the link that is under way already: one at a time."""
    session.execute(
        update(Proof)
        .where(
            Proof.account_id == account_id,
            Proof.channel == EMAIL,
            Proof.purpose == ProofPurpose.VERIFY,
            Proof.used_at.is_(None),
        )
        .values(used_at=clock.now())
    )


def confirm_phone(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    account_id: uuid.UUID,
    code: str,
    locale: str,
) -> None:
    """Take the code that came by SMS; raises `ProofInvalid`."""
    waiting = codes.latest(session, account_id, ProofPurpose.VERIFY)
    proof = codes.take(session, settings, waiting, code)
    with transaction(session):
        account = session.get_one(Account, account_id)
        if proof is None or not codes.use(session, proof.id) or proof.address != account.login:
            record(session, actor, "channels.verify", "account", account_id, outcome="denied")
            failed = True
        else:
            failed = False
            _reach(session, account_id, SMS, proof.address, locale)
            record(session, actor, "channels.verify", "account", account_id, channel="sms")
            notify(session, account_id, "account_phone_verified")
    if failed:
        raise ProofInvalid


def _reach(
    session: Session, account_id: uuid.UUID, channel: MessageChannel, address: str, locale: str
) -> None:
    row = session.get(Reach, (account_id, channel))
    if row is None:
        row = Reach(account_id=account_id, channel=channel, wants_all=True)
        session.add(row)
    if row.address_index != outbox.address_index(channel, address):
        # Another address is a second factor only once its owner says so.
        row.second_factor_at = None
    row.address, row.address_index = address, outbox.address_index(channel, address)
    row.verified_at, row.locale = clock.now(), locale


def link_is_good(session: Session, token: str, purpose: ProofPurpose) -> bool:
    """Tell whether a link may still be used; looking uses nothing up."""
    return _by_link(session, token, purpose) is not None


def _by_link(session: Session, token: str, purpose: ProofPurpose) -> Proof | None:
    return session.scalars(
        select(Proof).where(
            Proof.link_hash == link_digest(token),
            Proof.purpose == purpose,
            Proof.used_at.is_(None),
            Proof.link_until > clock.now(),
        )
    ).first()


def confirm_email(session: Session, settings: Settings, actor: Actor, token: str) -> None:
    """Take a link from an e-mail: the address is the account's from now on (C-39).

    The address before, if any, is told. Raises `ProofInvalid`.
    """
    with transaction(session):
        proof = _by_link(session, token, ProofPurpose.VERIFY)
        if proof is None or proof.account_id is None or not codes.use(session, proof.id):
            raise ProofInvalid
        old = session.get(Reach, (proof.account_id, EMAIL))
        if old is not None and old.address.casefold() != proof.address.casefold():
            _tell_old(session, settings, old)
        _reach(session, proof.account_id, EMAIL, proof.address, old.locale if old else "zh_CN")
        notify(session, proof.account_id, "account_email_changed")
        record(session, actor, "channels.verify", "account", proof.account_id, channel="email")


def _tell_old(session: Session, settings: Settings, old: Reach) -> None:
    outbox.send(
        session, settings, kind="email_left", email=old.address,
        account_id=old.account_id, locale=old.locale,
    )  # fmt: skip


def remove(
    session: Session, settings: Settings, actor: Actor, account_id: uuid.UUID,
    channel: MessageChannel,
) -> bool:  # fmt: skip
    """Take a verified address off an account and tell it so; False when there is none."""
    with transaction(session):
        old = session.get(Reach, (account_id, channel))
        if old is None:
            return False
        if channel is EMAIL:
            _tell_old(session, settings, old)
        session.execute(
            delete(Reach).where(Reach.account_id == account_id, Reach.channel == channel)
        )
        notify(session, account_id, "account_email_changed")
        record(session, actor, "channels.remove", "account", account_id, channel=channel.value)
        return True


def choose(
    session: Session, actor: Actor, account_id: uuid.UUID, *, locale: str, wants_all: bool
) -> None:
    """Set the language of messages, and whether those come that one may do without."""
    with transaction(session):
        session.execute(
            update(Reach)
            .where(Reach.account_id == account_id)
            .values(locale="en" if locale == "en" else "zh_CN", wants_all=wants_all)
        )
        record(session, actor, "channels.choose", "account", account_id, wants_all=wants_all)


# --- a new password --------------------------------------------------------------------------


def ask_reset(
    session: Session, *, phone: str, source: str, purpose: ProofPurpose = ProofPurpose.RESET
) -> uuid.UUID:
    """Write down that a reset (or a freeze) was asked for; the same work for every number (C-32).

    The worker finds out whether there is anyone to send to. Returns what the code belongs to.
    """
    with transaction(session):
        proof = Proof(purpose=purpose, address=phone, source=source, created_at=clock.now())
        session.add(proof)
        session.flush()
        jobs.defer(session, jobs.Job.BEGIN_RESET, proof_id=proof.id)
        return proof.id


def take_freeze_code(session: Session, settings: Settings, phone: str, code: str) -> bool:
    """Count a try at the latest freezing code that went to *phone*; tell whether it was right."""
    number = select(Account.id).where(
        Account.realm == Realm.PUBLIC, Account.login_index == login_index(Realm.PUBLIC, phone)
    )
    latest = session.scalars(
        select(Proof.id)
        .where(
            Proof.account_id.in_(number),
            Proof.purpose == ProofPurpose.FREEZE,
            Proof.code_hash.is_not(None),
            Proof.used_at.is_(None),
        )
        .order_by(Proof.created_at.desc())
        .limit(1)
    ).first()
    proof = codes.take(session, settings, latest, code)
    if proof is None:
        return False
    with transaction(session):
        return codes.use(session, proof.id)


def reset_by_code(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    proof_id: uuid.UUID,
    code: str,
    password: str,
) -> None:
    """Set a new password against the code; raises `ProofInvalid` and `PasswordRefused`."""
    _refuse_weak(settings, password)
    reset = select(Proof.id).where(Proof.id == proof_id, Proof.purpose == ProofPurpose.RESET)
    proof = codes.take(session, settings, session.scalars(reset).first(), code)
    if proof is None:
        with transaction(session):
            record(session, actor, "accounts.reset", "account", None, outcome="denied")
        raise ProofInvalid
    _set(session, settings, actor, proof, password, "sms")


def reset_by_link(
    session: Session, settings: Settings, actor: Actor, *, token: str, password: str
) -> None:
    """Set a new password against the link; raises `ProofInvalid` and `PasswordRefused`."""
    _refuse_weak(settings, password)
    proof = _by_link(session, token, ProofPurpose.RESET)
    if proof is None:
        raise ProofInvalid
    _set(session, settings, actor, proof, password, "email")


def _refuse_weak(settings: Settings, password: str) -> None:
    """Refuse what no account may have, before a try is counted and before anyone is looked up."""
    passwords.check(password, realm=Realm.PUBLIC, settings=settings, context=())


def _set(
    session: Session, settings: Settings, actor: Actor, proof: Proof, password: str, by: str
) -> None:
    account = session.get(Account, proof.account_id) if proof.account_id else None
    if account is None or account.status is not AccountStatus.ACTIVE:
        raise ProofInvalid
    check_new(session, settings, account, password)
    with transaction(session):
        # Asked again under its lock: it may have been frozen or closed while we counted.
        account = session.get_one(Account, account.id, with_for_update=True, populate_existing=True)
        if account.status is not AccountStatus.ACTIVE or not codes.use(session, proof.id):
            raise ProofInvalid
        set_password(session, settings, account, password)
        # What else was asked for meanwhile is over.
        session.execute(
            update(Proof)
            .where(
                Proof.purpose == ProofPurpose.RESET,
                or_(Proof.account_id == account.id, Proof.id == proof.id),
                Proof.used_at.is_(None),
            )
            .values(used_at=clock.now())
        )
        notify(session, account.id, "account_password_reset")
        record(session, actor, "accounts.reset", "account", account.id, by=by)
