"""The long ends of the registry: answers, unused accounts, decisions, consents (C-24, S-011).

Each broom does what `heyan.classification` promises of its category, and no more; a test moves the
clock past every period. The worker reads no contact data here: rows are found by times and ids.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    String,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import (
    Account,
    AccountStatus,
    Invitation,
    LoginSession,
    Passkey,
    RecoveryCode,
    SignIn,
    TotpFactor,
    TrustedDevice,
)
from heyan.assistance.models import AccountChange, AccountCode, AccountFreeze, OpenedAccount
from heyan.audit.service import WORKER, record
from heyan.consent.models import ConsentRecord
from heyan.db import transaction
from heyan.decisions.models import Decision, DecisionDraft
from heyan.documents.models import CustodyEvent, CustodyReceipt, Document, Tombstone
from heyan.events.models import Event
from heyan.leads.models import Lead
from heyan.notifications.models import Message, Notice, Proof, Reach
from heyan.notifications.service import notify
from heyan.policies import promises
from heyan.registrations import unused
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.retention import holds
from heyan.safety.models import SafetyFlag, SafetySource, SafetySubject
from heyan.students.models import Guardianship, Relation, Student
from uploads_worker import tombstones
from uploads_worker.context import Context

BATCH = 200


# --- answers ---------------------------------------------------------------------------------


def answers(context: Context) -> int:
    """Delete what people answered for events that ended long enough ago."""
    with context.sessions() as session:
        past = answers_over(session, clock.now())
    return _gone(context, "registrations.forget_answers", delete(RegistrationAnswer).where(past))


def answers_over(session: Session, moment: datetime) -> ColumnElement[bool]:
    """Return the condition for answers past their period, and not held."""
    over = promises.past(
        session, "registration.answers", Registration.created_at, Event.ends_at, moment
    )
    found = (
        select(Registration.id)
        .join(Event, Event.id == Registration.event_id)
        .where(over, holds.not_held("registration", Registration.id))
    )
    return RegistrationAnswer.registration_id.in_(found)


# --- accounts --------------------------------------------------------------------------------


def warn_unused(context: Context) -> int:
    """Leave a notice for accounts that will be deleted in a month unless somebody signs in.

    A month later the site closes them (`heyan.registrations.unused`), and `erase_closed` is next.
    """
    told = exists().where(
        Notice.account_id == Account.id,
        Notice.kind == unused.NOTICE,
        Notice.at > unused.used_at(),
    )
    with context.sessions() as session, transaction(session):
        found = session.scalars(
            select(Account.id)
            .where(unused.idle(clock.now(), unused.UNUSED - unused.WARNED), ~told)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        for account_id in found:
            notify(session, account_id, unused.NOTICE)
            record(session, WORKER, "accounts.warn_unused", "account", account_id)
    return len(found)


def erase_closed(context: Context) -> int:
    """Erase accounts that were closed, by their owners or as unused (`heyan.registrations`)."""
    erased = exists().where(
        Tombstone.subject_kind == "account", Tombstone.subject_id == cast(Account.id, String)
    )
    asked = (
        select(Account.id)
        .where(
            Account.realm == Realm.PUBLIC,
            Account.status == AccountStatus.CLOSED,
            ~erased,
            holds.not_held("account", Account.id),
        )
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    with context.sessions() as session, transaction(session):
        found = session.scalars(asked).all()
        for account_id in found:
            erase_account(context, session, account_id, "closed")
    return len(found)


def erase_account(
    context: Context,
    session: Session,
    account_id: uuid.UUID,
    reason: str,
    *,
    again: bool = False,
) -> None:
    """Empty everything personal of an account and its students, in the caller's transaction.

    One that an order keeps stays as it is, closed to everyone, until the order is released
    (S-059); *again*, after a restore, it was emptied before.
    Consents, decisions and custody stay for their own periods, under ids that lead to nobody.
    """
    if not again and holds.held(session, "account", account_id):
        return
    own = select(Registration.id).where(Registration.account_id == account_id)
    session.execute(delete(RegistrationAnswer).where(RegistrationAnswer.registration_id.in_(own)))
    session.execute(
        update(Registration)
        .where(Registration.account_id == account_id)
        .values(
            id_number_sealed=None,
            id_number_sha256=None,
            id_number_commitment=None,
            id_number_tail=None,
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Student)
        .where(Student.account_id == account_id)
        .values(
            name="",
            birth_date="",
            relation=Relation.SELF,
            unbound_at=func.coalesce(Student.unbound_at, clock.now()),
        )
        .execution_options(synchronize_session=False)
    )
    for table in (
        TotpFactor,
        Passkey,
        RecoveryCode,
        LoginSession,
        TrustedDevice,
        SignIn,
        Invitation,
        Notice,
        Reach,
        Proof,
        OpenedAccount,
        AccountCode,
        AccountChange,
        AccountFreeze,
        SafetySubject,
        SafetySource,
        SafetyFlag,
    ):
        session.execute(delete(table).where(table.account_id == account_id))
    mine = select(Student.id).where(Student.account_id == account_id)
    session.execute(
        delete(Guardianship)
        .where(or_(Guardianship.student_id.in_(mine), Guardianship.account_id == account_id))
        .execution_options(synchronize_session=False)
    )
    # The state of what was sent stays for its 12 months; to whom does not.
    session.execute(
        update(Message)
        .where(Message.account_id == account_id)
        .values(account_id=None, address=None, address_index=None, params=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(
            login="",
            # Unique, and of no phone number: the number may open an account again.
            login_index=account_id.bytes,
            name=None,
            password_hash=None,
            status=AccountStatus.CLOSED,
        )
        .execution_options(synchronize_session=False)
    )
    tombstones.add(context, session, "account", account_id, reason, destroyed_at=clock.now())
    record(session, WORKER, "accounts.erase", "account", account_id, reason=reason)


# --- what proves something, three years later ------------------------------------------------


def decisions(context: Context) -> int:
    """Delete decisions that were published long enough ago, and drafts beside them."""
    with context.sessions() as session:
        limit = promises.cutoff(session, "decision", clock.now())
    gone = _gone(
        context,
        "decisions.expire",
        delete(Decision).where(
            Decision.published_at <= limit, holds.not_held("document", Decision.document_id)
        ),
    )
    return gone + _gone(
        context,
        "decisions.expire_drafts",
        delete(DecisionDraft).where(DecisionDraft.updated_at <= limit),
    )


def custody(context: Context) -> int:
    """Delete the steps of documents that are destroyed, with their receipts, each in its time."""
    destroyed = select(Document.id).where(Document.destroyed_at.is_not(None))
    kept = holds.not_held("document", CustodyEvent.document_id)
    with context.sessions() as session, transaction(session):
        old = CustodyEvent.at <= promises.cutoff(session, "decision", clock.now())
        steps = select(CustodyEvent.id).where(old, CustodyEvent.document_id.in_(destroyed), kept)
        session.execute(
            delete(CustodyReceipt).where(CustodyReceipt.custody_event_id.in_(steps)),
            execution_options={"synchronize_session": False},
        )
        gone = _count(session, delete(CustodyEvent).where(CustodyEvent.id.in_(steps)))
        if gone:
            record(session, WORKER, "documents.expire_custody", "documents", count=gone)
    return gone


def consents(context: Context) -> int:
    """Delete consents whose relation ended long enough ago.

    With an account the relation ends when that is erased; with a lead, when the lead is deleted,
    which is 90 days after the last contact.
    """
    now = clock.now()
    with context.sessions() as session:
        alone = now - promises.kept(session, "lead.contact", now)
        limit = promises.cutoff(session, "consent", alone)
        erased = consents_over(session, now)
    called = (ConsentRecord.at <= limit) & ~exists().where(Lead.id == ConsentRecord.lead_id)
    return _gone(
        context,
        "consents.expire",
        delete(ConsentRecord).where(or_(erased, ConsentRecord.account_id.is_(None) & called)),
    )


def consents_over(session: Session, moment: datetime) -> ColumnElement[bool]:
    """Return the condition for consents of accounts that were erased long enough ago."""
    over = promises.past(session, "consent", ConsentRecord.at, Tombstone.destroyed_at, moment)
    return exists().where(
        Tombstone.subject_kind == "account",
        Tombstone.subject_id == cast(ConsentRecord.account_id, String),
        over,
    )


def _gone(context: Context, action: str, statement: object) -> int:
    with context.sessions() as session, transaction(session):
        gone = _count(session, statement)
        if gone:
            record(session, WORKER, action, action.partition(".")[0], count=gone)
    return gone


def _count(session: Session, statement: object) -> int:
    done = session.execute(
        statement,  # type: ignore[call-overload] # any DELETE
        execution_options={"synchronize_session": False},
    )
    return int(done.rowcount)
