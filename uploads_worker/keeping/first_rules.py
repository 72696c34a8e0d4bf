"""The rules of the main job's tables; other features keep theirs beside their own deeds."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus, SignIn
from heyan.audit.models import AuditEntry
from heyan.consent.models import ConsentRecord
from heyan.decisions.models import Decision
from heyan.documents.models import Document, Tombstone
from heyan.events.models import Event, EventStatus
from heyan.leads.models import Lead
from heyan.registrations import unused
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.retention import holds
from heyan.retention.models import ArchiveItem, LegalHold, SweepRun
from uploads_worker import retention
from uploads_worker.keeping.rules import ended, never, outlived, overdue, rule


def _closed(_moment: datetime) -> ColumnElement[bool]:
    """Find accounts that were closed and not emptied."""
    erased = exists().where(
        Tombstone.subject_kind == "account", Tombstone.subject_id == cast(Account.id, String)
    )
    return (
        (Account.realm == Realm.PUBLIC)
        & (Account.status == AccountStatus.CLOSED)
        & ~erased
        & holds.not_held("account", Account.id)
    )


def _documents(moment: datetime) -> ColumnElement[bool]:
    return (
        Document.destroyed_at.is_(None)
        & (Document.destroy_due_at <= moment)
        & holds.not_held("document", Document.id)
    )


def _numbers(moment: datetime) -> ColumnElement[bool]:
    """Find ID numbers of withdrawn registrations and of events that are over."""
    over = exists().where(Event.id == Registration.event_id, Event.destroy_at <= moment)
    return (
        Registration.id_number_sealed.is_not(None)
        & or_(Registration.status == RegistrationStatus.WITHDRAWN, over)
        & holds.not_held("registration", Registration.id)
    )


def _events(session: Session, moment: datetime) -> int:
    """Count events past their last day with nothing held in them that have not ended."""
    due = (
        (Event.destroy_at <= moment)
        & (Event.status != EventStatus.ENDED)
        & ~exists()
        .where(Document.event_id == Event.id, Document.destroyed_at.is_(None))
        .where(holds.is_held("document", Document.id))
        & ~exists()
        .where(Registration.event_id == Event.id, Registration.id_number_sealed.is_not(None))
        .where(holds.is_held("registration", Registration.id))
    )
    return session.scalar(select(func.count()).select_from(Event).where(due)) or 0


def _answers(session: Session, moment: datetime) -> int:
    over = retention.answers_over(session, moment)
    return session.scalar(select(func.count()).select_from(RegistrationAnswer).where(over)) or 0


def _consents(session: Session, moment: datetime) -> int:
    over = retention.consents_over(session, moment)
    return session.scalar(select(func.count()).select_from(ConsentRecord).where(over)) or 0


RULES = (
    rule("events", "", "", _events),
    rule("documents", "identity.document", "documents", overdue(Document, _documents)),
    rule(
        "id_numbers",
        "identity.number identity.number_tail",
        "registrations",
        overdue(Registration, _numbers),
    ),
    rule("answers", "registration.answers", "registration_answers", _answers),
    rule(
        "leads",
        "lead.contact",
        "leads",
        overdue(Lead, lambda now: (Lead.delete_after <= now) & holds.not_held("lead", Lead.id)),
    ),
    # Kept until the person asks for calls again: nothing falls due by itself.
    rule("lead_refusals", "lead.refusal", "do_not_contact", never),
    rule(
        "closed_accounts",
        "account.contact account.credentials student.profile",
        "accounts students totp_factors recovery_codes login_sessions trusted_devices invitations"
        " passkeys guardianships",
        overdue(Account, _closed),
    ),
    # The site closes them each hour that somebody asks how it is; a day late is too late.
    rule(
        "unused_accounts",
        "",
        "",
        overdue(Account, lambda now: unused.over(now - timedelta(days=1))),
    ),
    rule(
        "sign_ins",
        "security_log",
        "sign_ins",
        outlived(SignIn, "security_log", SignIn.at),
    ),
    rule(
        "decisions",
        "decision",
        "decisions decision_drafts custody_events",
        ended(
            Decision,
            "decision",
            Decision.published_at,
            Decision.published_at,
            lambda: holds.not_held("document", Decision.document_id),
        ),
    ),
    rule("consents", "consent consent.guardian", "consent_records", _consents),
    rule(
        "audit",
        "audit",
        "audit_entries",
        # Entries go up to a seal as old as they are: a day of grace.
        outlived(AuditEntry, "audit", AuditEntry.at, grace=timedelta(days=1)),
    ),
    rule(
        "legal_orders",
        "legal.order",
        "legal_holds authority_queries",
        ended(LegalHold, "legal.order", LegalHold.asked_at, LegalHold.ends_at),
    ),
    rule(
        "archive",
        "legal.archive",
        "archive_items",
        overdue(
            ArchiveItem,
            lambda now: ArchiveItem.destroyed_at.is_(None) & (ArchiveItem.destroy_due_at <= now),
        ),
    ),
    rule(
        "sweep_runs",
        "",
        "",
        overdue(SweepRun, lambda now: SweepRun.began_at <= now - timedelta(days=1096)),
    ),
)
