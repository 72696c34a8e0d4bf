"""Close an account at its owner's wish: what runs is withdrawn and the door shut.

The worker's next sweep empties it (``uploads_worker.retention.erase_closed``).
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.service import load
from heyan.registrations.submission import withdraw
from heyan.registrations.unused import shut


def close_account(
    session: Session, actor: Actor, account_id: uuid.UUID, evidence: Evidence, text_shown: str
) -> int:
    """Close the account and return how many registrations were withdrawn with it (S-049, S-061).

    Nobody signs in to it from this moment. Closing it again changes nothing.
    """
    with transaction(session):
        account = session.get_one(Account, account_id, with_for_update=True)
        if account.status is AccountStatus.CLOSED:
            return 0
        live = session.scalars(
            select(Registration.id).where(
                Registration.account_id == account_id,
                Registration.status != RegistrationStatus.WITHDRAWN,
            )
        ).all()
        for registration_id in live:
            registration = load(session, account_id, registration_id)
            withdraw(session, actor, registration, evidence, text_shown)
        shut(session, actor, account_id, withdrawn=len(live))
        return len(live)
