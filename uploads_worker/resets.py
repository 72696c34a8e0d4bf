"""A number asked for a new password or a freeze: only here is it found out whose it is (C-32)."""

from __future__ import annotations

import secrets
import uuid
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.entry import login_index
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications import codes, outbox
from heyan.notifications.models import MessageChannel, Proof, ProofPurpose, Reach
from heyan.notifications.outbox import BudgetSpent
from heyan.notifications.proofs import link_digest
from uploads_worker.context import Context


def begin_reset(context: Context, proof_id: str) -> None:
    """Send a link and a code to the verified channels of the account with the number, if any."""
    with context.sessions() as session, transaction(session):
        proof = session.get(Proof, uuid.UUID(proof_id), with_for_update=True)
        if proof is None or proof.used_at or proof.code_hash or proof.link_hash:
            return
        account_id = session.scalars(
            select(Account.id).where(
                Account.realm == Realm.PUBLIC,
                Account.login_index == login_index(Realm.PUBLIC, proof.address),
                Account.status == AccountStatus.ACTIVE,
            )
        ).first()
        if account_id is None:
            return
        proof.account_id = account_id
        if proof.purpose is ProofPurpose.FREEZE:
            _send_freeze(context, session, proof, account_id)
            return
        sent = [
            reach.channel.value
            for reach in session.scalars(select(Reach).where(Reach.account_id == account_id))
            if _send(context, session, proof, reach)
        ]
        record(
            session, WORKER, "accounts.reset_ask", "account", account_id,
            outcome="done" if sent else "nothing_sent", channels=sent,
        )  # fmt: skip


def _send_freeze(context: Context, session: Session, proof: Proof, account_id: uuid.UUID) -> None:
    """Send a code that freezes the account to the number it is known by (S-102)."""
    settings, code = context.settings, codes.fresh()
    until, sent = clock.now() + timedelta(minutes=settings.message_code_minutes), False
    if MessageChannel.SMS.value in settings.channels:
        with suppress(BudgetSpent):
            outbox.send_code(
                session, settings, kind="freeze_code", code=code, source=proof.source,
                phone=proof.address, account_id=account_id, expires_at=until,
            )  # fmt: skip
            proof.code_hash, proof.code_until, sent = codes.digest(proof.id, code), until, True
    record(
        session, WORKER, "assistance.freeze_code", "account", account_id,
        outcome="done" if sent else "nothing_sent",
    )  # fmt: skip


def _send(context: Context, session: Session, proof: Proof, reach: Reach) -> bool:
    settings, now = context.settings, clock.now()
    if reach.channel.value not in settings.channels:
        return False
    if reach.channel is MessageChannel.SMS:
        # A number that was changed since is not the one that was verified.
        if reach.address != proof.address:
            return False
        code, life, kind = codes.fresh(), settings.message_code_minutes, "code"
    else:
        code, life, kind = secrets.token_urlsafe(32), settings.message_link_minutes, "link"
    until = now + timedelta(minutes=life)
    by_number = reach.channel is MessageChannel.SMS
    try:
        outbox.send_code(
            session,
            settings,
            kind=f"reset_{kind}",
            code=code,
            source=proof.source,
            phone=reach.address if by_number else None,
            email=None if by_number else reach.address,
            account_id=reach.account_id,
            locale=reach.locale,
            expires_at=until,
        )
    except BudgetSpent:
        return False
    if by_number:
        proof.code_hash, proof.code_until = codes.digest(proof.id, code), until
    else:
        proof.link_hash, proof.link_until = link_digest(code), until
    return True
