"""The verbs of in-site notices."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import transaction, uuid7
from heyan.notifications import outbox
from heyan.notifications.models import MessageChannel, Notice, Proof, ProofPurpose, Reach


def notify(session: Session, account_id: uuid.UUID, kind: str, **params: object) -> None:
    """Leave a notice for an account, in the caller's transaction; *params* are ids.

    It goes out by the account's verified channels too, where its kind does (`kinds`).
    """
    session.add(
        Notice(
            account_id=account_id,
            kind=kind,
            params={key: str(value) for key, value in params.items()},
            at=clock.now(),
        )
    )
    session.flush()
    outbox.queue_notices(session, kind, [(account_id, params)])


def notify_many(session: Session, kind: str, told: Sequence[outbox.Told]) -> None:
    """Leave notices of one kind for many accounts in few statements, as `notify` leaves one."""
    if told:
        rows = [
            {
                "id": uuid7(),
                "account_id": account_id,
                "kind": kind,
                "params": {key: str(value) for key, value in params.items()},
                "at": clock.now(),
            }
            for account_id, params in told
        ]
        session.execute(insert(Notice), rows)
        outbox.queue_notices(session, kind, told)


def unread_count(session: Session, account_id: uuid.UUID) -> int:
    """Return how many notices the account has not seen."""
    return session.scalar(_UNREAD, {"account": account_id}) or 0


# Asked with every page of who is signed in.
_UNREAD = (
    select(func.count())
    .select_from(Notice)
    .where(Notice.account_id == bindparam("account"), Notice.read_at.is_(None))
)


def recent(session: Session, account_id: uuid.UUID, limit: int = 30) -> list[Notice]:
    """Return the account's latest notices, newest first."""
    return list(
        session.scalars(
            select(Notice)
            .where(Notice.account_id == account_id)
            .order_by(Notice.at.desc(), Notice.id.desc())
            .limit(limit)
        )
    )


def mark_read(session: Session, account_id: uuid.UUID) -> None:
    """Mark all of the account's notices as seen."""
    with transaction(session):
        session.execute(
            update(Notice)
            .where(Notice.account_id == account_id, Notice.read_at.is_(None))
            .values(read_at=clock.now())
        )


def sms_factor(session: Session, account_id: uuid.UUID) -> Reach | None:
    """Return the verified number whose codes are the account's second factor, if any (Q16)."""
    return session.scalars(
        select(Reach).where(
            Reach.account_id == account_id,
            Reach.channel == MessageChannel.SMS,
            Reach.second_factor_at.is_not(None),
        )
    ).first()


def set_sms_factor(session: Session, account_id: uuid.UUID, *, on: bool) -> bool:
    """Let codes to the verified number be a second factor, or no more; False without a number."""
    with transaction(session):
        done = session.execute(
            update(Reach)
            .where(Reach.account_id == account_id, Reach.channel == MessageChannel.SMS)
            .values(second_factor_at=clock.now() if on else None)
            .returning(Reach.account_id)
        )
        return done.first() is not None


def leave_number(session: Session, account_id: uuid.UUID) -> None:
    """Forget the verified number: the account is another's number's now, who verifies it anew."""
    with transaction(session):
        session.execute(
            delete(Reach).where(Reach.account_id == account_id, Reach.channel == MessageChannel.SMS)
        )


def end_resets(session: Session, account_id: uuid.UUID) -> None:
    """Let no link or code open anything that was asked for before a password was set.

    It may have gone where the owner no longer wants it to (C-36, S-102).
    """
    with transaction(session):
        session.execute(
            update(Proof)
            .where(
                Proof.account_id == account_id,
                Proof.purpose == ProofPurpose.RESET,
                Proof.used_at.is_(None),
            )
            .values(used_at=clock.now())
            .execution_options(synchronize_session=False)
        )
