"""Accounts that the company opens: singly or many at once, each with a code for one use (B3).

Data from somebody else needs its source on record: who gave it, the written commitment that the
people agreed, and for what (K3, S-103). Nothing is done with the data before its owner agreed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role
from heyan.accounts import people
from heyan.accounts.entry import find
from heyan.accounts.errors import InvitationInvalid, LoginTaken
from heyan.accounts.models import Account
from heyan.agreements import service as agreements
from heyan.assistance import doors
from heyan.assistance.models import DataSource, OpenedAccount
from heyan.assistance.rows import PersonRow, RowProblem
from heyan.audit.service import Actor, record
from heyan.classification import mask_phone
from heyan.consent import service as consent
from heyan.consent.purposes import ACCOUNT, PURPOSES
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.organizations.models import Organization
from heyan.settings import Settings

# A hand-out code's life (CONTROLS 5).
CODE_LIFE = timedelta(days=14)
PAGE = 50


class NoSource(Exception):
    """Where the data came from is not on record, or its party is not bound: no import (S-103)."""


@dataclass(frozen=True)
class HandOut:
    """One line of the sheet to hand out: shown once, kept nowhere."""

    name: str
    phone: str
    code: str
    expires_at: datetime


def record_source(
    session: Session,
    actor: Actor,
    *,
    party: str,
    organization_id: uuid.UUID | None,
    commitment: str,
    scope: str,
) -> DataSource:
    """Write down from whom data comes and what they committed themselves to."""
    if actor.id is None:
        raise ValueError("a source is recorded by a person")
    with transaction(session):
        if organization_id is not None:
            party = session.get_one(Organization, organization_id).name
        row = DataSource(
            party=party,
            organization_id=organization_id,
            commitment=commitment,
            scope=scope,
            recorded_by=actor.id,
            recorded_at=clock.now(),
        )
        session.add(row)
        session.flush()
        record(
            session,
            actor,
            "assistance.record_source",
            "data_source",
            row.id,
            organization_id=organization_id,
        )
    return row


def sources(session: Session, limit: int = 200) -> list[DataSource]:
    """Return the recorded sources, the newest first."""
    return list(session.scalars(select(DataSource).order_by(DataSource.id.desc()).limit(limit)))


def require_source(session: Session, source_id: uuid.UUID | None) -> DataSource:
    """Return a source that may be used now; raises `NoSource`.

    An organizer has to be bound by an agreement (S-104).
    """
    row = session.get(DataSource, source_id) if source_id is not None else None
    if row is None:
        raise NoSource
    if row.organization_id is not None and not agreements.valid(session, row.organization_id):
        raise NoSource
    return row


def open_one(
    session: Session,
    actor: Actor,
    *,
    phone: str,
    name: str,
    source_id: uuid.UUID | None = None,
    lead_id: uuid.UUID | None = None,
) -> tuple[uuid.UUID, HandOut]:
    """Open an account that waits for its owner; raises `LoginTaken`.

    Without a source the person in front of the clerk asked for it; *lead_id* names the callback
    that led here.
    """
    if actor.id is None:
        raise ValueError("an account is opened by a person")
    with transaction(session):
        issued = people.invite(
            session,
            actor,
            realm=Realm.PUBLIC,
            login=phone,
            name=name,
            roles=[Role.STUDENT],
            lifetime=CODE_LIFE,
        )
        session.add(
            OpenedAccount(
                account_id=issued.account_id,
                source_id=source_id,
                opened_by=actor.id,
                opened_at=clock.now(),
            )
        )
        record(
            session,
            actor,
            "assistance.open",
            "account",
            issued.account_id,
            source_id=source_id,
        )
        if lead_id is not None:
            doors.lead_became(session, actor, lead_id, issued.account_id)
    return issued.account_id, HandOut(name, mask_phone(phone), issued.code, issued.expires_at)


def open_by_text(
    session: Session,
    settings: Settings,
    actor: Actor,
    *,
    phone: str,
    name: str,
    lead_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Open an account and send its code to its number: no colleague sees it. Returns its id.

    Raises `LoginTaken`, and `doors.CannotSend` when no SMS can go out (then nothing was opened).
    """
    with transaction(session):
        account_id, made = open_one(session, actor, phone=phone, name=name, lead_id=lead_id)
        doors.text_code(
            session,
            settings,
            phone=phone,
            kind="activation_code",
            code=made.code,
            source=f"account:{account_id}",
            account_id=account_id,
        )
    return account_id


def taken(session: Session, rows: Iterable[PersonRow]) -> list[RowProblem]:
    """Return the rows whose number has an account already."""
    return [
        RowProblem(row.line, "taken")
        for row in rows
        if find(session, Realm.PUBLIC, row.phone) is not None
    ]


def open_many(
    session: Session, actor: Actor, rows: Sequence[PersonRow], source_id: uuid.UUID | None
) -> tuple[list[HandOut], list[RowProblem]]:
    """Open an account for each row whose number has none; all or nothing but for those.

    Raises `NoSource`, and `LoginTaken` when somebody was faster: then nothing was made.
    """
    made: list[HandOut] = []
    problems: list[RowProblem] = []
    with transaction(session):
        source = require_source(session, source_id)
        refused = {one.line for one in taken(session, rows)}
        try:
            for row in rows:
                if row.line in refused:
                    problems.append(RowProblem(row.line, "taken"))
                    continue
                made.append(
                    open_one(session, actor, phone=row.phone, name=row.name, source_id=source.id)[1]
                )
        except IntegrityError as error:
            raise LoginTaken from error
        record(
            session,
            actor,
            "assistance.import",
            "data_source",
            source.id,
            opened=len(made),
            refused=len(problems),
        )
    return made, problems


def renew_code(session: Session, actor: Actor, account_id: uuid.UUID) -> HandOut:
    """Give a fresh code for an account nobody has activated yet; raises `InvitationInvalid`."""
    with transaction(session):
        account = session.get(Account, account_id)
        opened = session.get(OpenedAccount, account_id)
        if account is None or opened is None or account.password_hash is not None:
            raise InvitationInvalid
        issued = people.reissue(
            session, actor, realm=Realm.PUBLIC, account_id=account_id, lifetime=CODE_LIFE
        )
        record(session, actor, "assistance.renew_code", "account", account_id)
        return HandOut(
            account.name or "", mask_phone(account.login), issued.code, issued.expires_at
        )


# --- the owner's side -------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What the owner of an opened account is told before anything is asked of them."""

    phone: str
    source: DataSource | None


def tell(session: Session, actor: Actor, code: str) -> Told:
    """Return what is known of the account behind *code*, and note that its owner was told.

    Raises `InvitationInvalid`; the code stays good.
    """
    with transaction(session):
        account = people.invited(session, code)
        opened = session.get(OpenedAccount, account.id) if account is not None else None
        if account is None or opened is None:
            raise InvitationInvalid
        if opened.told_at is None:
            opened.told_at = clock.now()
            record(session, actor, "assistance.tell", "account", account.id)
        source = session.get(DataSource, opened.source_id) if opened.source_id else None
        return Told(mask_phone(account.login), source)


def activate(
    session: Session,
    settings: Settings,
    actor: Actor,
    evidence: Evidence,
    *,
    code: str,
    password: str,
) -> None:
    """Take the code, the owner's own password and their consent, all at once (B3, A1).

    Raises `InvitationInvalid`, `PasswordRefused`, `NoPolicyInForce`; then the code stays good.
    """
    with transaction(session):
        account = people.activate(
            session, settings, actor, code=code, password=password, public=True
        )
        opened = session.get(OpenedAccount, account.id)
        if opened is None:
            raise InvitationInvalid
        opened.agreed_at = clock.now()
        consent.grant(
            session,
            ACCOUNT,
            evidence,
            text_shown=str(PURPOSES[ACCOUNT].text),
            account_id=account.id,
        )


def waiting_count(session: Session) -> int:
    """Return how many opened accounts wait for their owner."""
    query = select(func.count()).select_from(OpenedAccount)
    return session.scalar(query.where(OpenedAccount.agreed_at.is_(None))) or 0
