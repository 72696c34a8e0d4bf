"""What the site itself does at the end: seal for the legal archive what only it can read."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.retention import archiving
from heyan.winddown.models import ServiceEnding
from heyan.winddown.service import NoEnding

PAGE = 200


def seal_all(session: Session, actor: Actor) -> int:
    """Seal what the law keeps of every account; return of how many. Raises `NoEnding`.

    May be cut short and begun again: an account is sealed once.
    """
    row = session.scalar(
        select(ServiceEnding).where(
            ServiceEnding.cancelled_at.is_(None),
            ServiceEnding.approved_at.is_not(None),
            ServiceEnding.ends_at <= clock.now(),
        )
    )
    if row is None:
        raise NoEnding
    sealed, after = 0, uuid.UUID(int=0)
    while True:
        with transaction(session):
            page = session.scalars(
                select(Account.id)
                .where(Account.realm == Realm.PUBLIC, Account.id > after)
                .order_by(Account.id)
                .limit(PAGE)
            ).all()
            sealed += sum(archiving.seal(session, account_id) for account_id in page)
        if len(page) < PAGE:
            break
        after = page[-1]
    with transaction(session):
        row.archived_at = clock.now()
        record(session, actor, "winddown.archive", "service_ending", row.id, count=sealed)
    return sealed
