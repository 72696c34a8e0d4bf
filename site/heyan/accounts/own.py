"""What a person sees and ends of their own account: history, sessions, safety notices."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.accounts import sessions
from heyan.accounts.entry import Client
from heyan.accounts.models import SignIn
from heyan.audit.service import record
from heyan.db import transaction
from heyan.notifications.models import Notice


def history(session: Session, account_id: uuid.UUID, limit: int = 30) -> list[SignIn]:
    """Return the latest lines of the sign-in history, the newest first."""
    return list(
        session.scalars(
            select(SignIn)
            .where(SignIn.account_id == account_id)
            .order_by(SignIn.at.desc(), SignIn.id.desc())
            .limit(limit)
        )
    )


def end_session(
    session: Session, signed_in: sessions.SignedIn, session_id: uuid.UUID, client: Client
) -> bool:
    """End one of the person's own sessions; False when it is not theirs or already ended."""
    with transaction(session):
        ended = sessions.end(session, signed_in.account_id, session_id)
        if ended:
            record(session, client.actor, "accounts.end_session", "session", session_id)
        return ended


def end_other_sessions(session: Session, signed_in: sessions.SignedIn, client: Client) -> int:
    """End all of the person's sessions but the present one; return how many."""
    with transaction(session):
        count = sessions.end_all(session, signed_in.account_id, but=signed_in.id)
        record(
            session,
            client.actor,
            "accounts.end_sessions",
            "account",
            signed_in.account_id,
            count=count,
        )
        return count


def security_notices(session: Session, account_id: uuid.UUID, limit: int = 10) -> list[Notice]:
    """Return the latest notices about the account's own safety (staff have no notice page)."""
    return list(
        session.scalars(
            select(Notice)
            .where(Notice.account_id == account_id, Notice.kind.startswith("account_"))
            .order_by(Notice.at.desc(), Notice.id.desc())
            .limit(limit)
        )
    )
