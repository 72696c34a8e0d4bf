"""Codes of six digits: made, sent by SMS, tried and used up (CONTROLS 5: 5 minutes, 5 tries).

Only keyed digests are kept. A try is counted before a code is looked at, and only one of many at
once uses it up.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import blind_index, transaction
from heyan.notifications import outbox
from heyan.notifications.models import MessageChannel, Proof, ProofPurpose
from heyan.settings import Settings


class ChannelOff(Exception):
    """No provider is configured for this channel."""


def fresh() -> str:
    """Return a new code."""
    return f"{secrets.randbelow(10**6):06}"


def digest(proof_id: uuid.UUID, code: str) -> bytes:
    """Return what is kept of a code: useless without the key outside the database."""
    return blind_index(code, f"proofs.{proof_id}")


def send(
    session: Session,
    settings: Settings,
    *,
    purpose: ProofPurpose,
    kind: str,
    account_id: uuid.UUID,
    phone: str,
    source: str,
    locale: str,
    session_id: uuid.UUID | None = None,
) -> None:
    """Send a code by SMS, in the caller's transaction; the one before it is over.

    With *session_id* it is good in that session alone. Raises `ChannelOff` and
    `outbox.BudgetSpent`.
    """
    if MessageChannel.SMS.value not in settings.channels:
        raise ChannelOff
    code, now = fresh(), clock.now()
    until = now + timedelta(minutes=settings.message_code_minutes)
    session.execute(
        update(Proof)
        .where(*_waiting(account_id, purpose, session_id))
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    proof = Proof(
        purpose=purpose,
        account_id=account_id,
        session_id=session_id,
        channel=MessageChannel.SMS,
        address=phone,
        source=source,
        created_at=now,
        code_until=until,
    )
    session.add(proof)
    session.flush()
    proof.code_hash = digest(proof.id, code)
    outbox.send_code(
        session, settings, kind=kind, code=code, source=source, phone=phone,
        account_id=account_id, locale=locale, expires_at=until,
    )  # fmt: skip


def _waiting(
    account_id: uuid.UUID, purpose: ProofPurpose, session_id: uuid.UUID | None
) -> tuple[ColumnElement[bool], ...]:
    return (
        Proof.account_id == account_id,
        Proof.channel == MessageChannel.SMS,
        Proof.purpose == purpose,
        Proof.session_id == session_id,
        Proof.used_at.is_(None),
    )


def latest(
    session: Session,
    account_id: uuid.UUID,
    purpose: ProofPurpose,
    session_id: uuid.UUID | None = None,
) -> uuid.UUID | None:
    """Return which code is waited for, if any."""
    return session.scalars(
        select(Proof.id)
        .where(*_waiting(account_id, purpose, session_id))
        .order_by(Proof.created_at.desc())
        .limit(1)
    ).first()


def take(
    session: Session, settings: Settings, proof_id: uuid.UUID | None, code: str
) -> Proof | None:
    """Count a try at a code, even one that fails, and return its proof when it was right.

    One statement and one comparison, whether there is a code behind *proof_id* or not (C-32).
    """
    asked = proof_id or uuid.UUID(int=0)
    with transaction(session):
        row = session.execute(
            update(Proof)
            .where(
                Proof.id == asked,
                Proof.used_at.is_(None),
                Proof.tries < settings.message_code_tries,
            )
            .values(tries=Proof.tries + 1)
            .returning(Proof.code_hash, Proof.code_until)
            .execution_options(synchronize_session=False)
        ).first()
    held = bytes(row.code_hash or b"") if row is not None else b""
    right = secrets.compare_digest(held, digest(asked, code))
    if not right or row is None or row.code_until is None or row.code_until <= clock.now():
        return None
    return session.get_one(Proof, asked, populate_existing=True)


def use(session: Session, proof_id: uuid.UUID) -> bool:
    """Use a proof up; only one of many at once succeeds."""
    used = session.execute(
        update(Proof)
        .where(Proof.id == proof_id, Proof.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(Proof.id)
    )
    return used.first() is not None
