"""The legal archive: what a law keeps of a closed account, sealed to a key off this site (G6).

Sealed at the closing, by the web, which has the values in hand then and cannot open the result;
neither can the worker. Only accounts with a registration that was submitted have something that
the law keeps (电子商务法 31); of others nothing is archived.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pyrage
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.models import Account
from heyan.audit.service import Actor, record
from heyan.classification import REGISTRY
from heyan.db import transaction
from heyan.events.models import Event
from heyan.registrations.models import Registration
from heyan.retention.errors import (
    AlreadySettled,
    ForeignBody,
    NoArchive,
    NotTheOther,
    SubjectUnknown,
)
from heyan.retention.holds import Order, other_of_two, roles_of
from heyan.retention.models import ArchiveItem, AuthorityQuery
from heyan.students.models import Student

# Object names of the archive: sweeps for objects without a row leave them to their own rows.
PREFIX = "a"
STATUTE = "电子商务法第三十一条"


_recipient = ""


def use_recipient(recipient: str) -> None:
    """Set the offline age recipient that this process seals to; empty for none."""
    global _recipient  # noqa: PLW0603 - a verb deep in the closing has no way to the settings
    _recipient = recipient


def seal(session: Session, account_id: uuid.UUID) -> bool:
    """Seal what the law keeps of an account about to be emptied; tell whether there was any.

    In the caller's transaction: the closing and its archive are there together or not at all.
    The worker moves the ciphertext into the object store.
    """
    account = session.get_one(Account, account_id)
    found = session.execute(
        select(Registration.number, Registration.submitted_at, Event.title, Student.name)
        .join(Event, Event.id == Registration.event_id)
        .join(Student, Student.id == Registration.student_id)
        .where(Registration.account_id == account_id, Registration.submitted_at.is_not(None))
    ).all()
    already = session.scalar(
        select(ArchiveItem.id).where(ArchiveItem.account_id == account_id).limit(1)
    )
    if not _recipient or not found or already is not None:
        return False
    content = {
        "account": str(account_id),
        "login": account.login,
        "name": account.name,
        "closed_at": clock.now().isoformat(),
        "statute": STATUTE,
        "registrations": [
            {
                "number": number,
                "submitted_at": submitted.isoformat() if submitted else None,
                "event": title,
                "student": name,
            }
            for number, submitted, title, name in found
        ],
    }
    public = pyrage.x25519.Recipient.from_str(_recipient)
    sealed = bytes(pyrage.encrypt(json.dumps(content, ensure_ascii=False).encode(), [public]))
    now = clock.now()
    session.add(
        ArchiveItem(
            account_id=account_id,
            statute=STATUTE,
            waiting=sealed,
            ciphertext_sha256=hashlib.sha256(sealed).digest(),
            ciphertext_bytes=len(sealed),
            sealed_at=now,
            destroy_due_at=now + timedelta(days=REGISTRY["legal.archive"].days or 0),
        )
    )
    session.flush()
    return True


# --- authorities' orders ---------------------------------------------------------------------


def ask(
    session: Session,
    actor: Actor,
    *,
    order: Order,
    account_ids: list[uuid.UUID],
    mainland: bool,
) -> AuthorityQuery:
    """Enter an authority's order for part of the archive.

    Raises `ForeignBody` for one from abroad (L-16), `NotTheOther` unless the actor is one of the
    two, `SubjectUnknown` when an account is named of which the archive holds nothing, `NoArchive`.
    """
    with transaction(session):
        if not roles_of(session, actor.id):
            raise NotTheOther
        if not mainland:
            raise ForeignBody
        if not _recipient:
            raise NoArchive
        known = session.scalar(
            select(func.count(ArchiveItem.account_id.distinct())).where(
                ArchiveItem.account_id.in_(account_ids), ArchiveItem.destroyed_at.is_(None)
            )
        )
        if not account_ids or (known or 0) < len(set(account_ids)):
            raise SubjectUnknown
        row = AuthorityQuery(
            authority=order.authority,
            order_number=order.order_number,
            statute=order.statute,
            scope=order.scope,
            account_ids=[str(one) for one in dict.fromkeys(account_ids)],
            asked_by=actor.id,
            asked_at=clock.now(),
        )
        session.add(row)
        session.flush()
        record(session, actor, "archive.ask", "authority_query", row.id, accounts=len(account_ids))
        return row


def settle(
    session: Session,
    actor: Actor,
    query_id: uuid.UUID,
    *,
    approved: bool,
    browser: Sequence[str] = (),
) -> None:
    """Approve or refuse an order, as the other of the two people.

    Raises `SubjectUnknown`, `NotTheOther`, `AlreadySettled`.
    """
    with transaction(session):
        row = session.get(AuthorityQuery, query_id, with_for_update=True)
        if row is None:
            raise SubjectUnknown
        other_of_two(session, row.asked_by, actor.id, browser=browser)
        if row.approved_at is not None or row.refused_at is not None:
            raise AlreadySettled
        if approved:
            row.approved_by, row.approved_at = actor.id, clock.now()
        else:
            row.refused_at = clock.now()
        word = "approve" if approved else "refuse"
        record(session, actor, f"archive.{word}", "authority_query", query_id)


__all__ = ["PREFIX", "ask", "seal", "settle"]
