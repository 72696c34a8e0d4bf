"""What is left of each category of the registry: counted for the certificate of the end (S-079).

A category that is not counted here fails the build. Rows that were emptied and lead to nobody do
not count; the worker counts by ids and times alone, as it may not read what stands in most of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, exists, func, select, true
from sqlalchemy.orm import Session

from heyan.accounts.models import (
    Account,
    Invitation,
    LoginSession,
    Passkey,
    RecoveryCode,
    SignIn,
    TotpFactor,
)
from heyan.agreements.models import AgreementDocument
from heyan.approvals.models import AccessRequest
from heyan.assistance.models import AccountChange, AccountCode
from heyan.audit.models import AuditEntry
from heyan.consent.models import ConsentRecord
from heyan.contacts.models import Contact, Recording, RecordingState
from heyan.decisions.models import Decision, DecisionDraft
from heyan.documents.models import Document, Tombstone
from heyan.leads.models import DoNotContact, Lead
from heyan.notifications.models import Message, Proof, Reach
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.retention.models import ArchiveItem, AuthorityQuery, LegalHold
from heyan.rights.models import AccessCopy, RightsRequest
from heyan.safety.models import SafetyFlag, SafetyMark, SafetySource, SealedDigest
from heyan.students.models import Student
from heyan.usage.models import UsageHit, UsageVisitor

Counted = tuple[Any, ColumnElement[bool]]


def _full() -> ColumnElement[bool]:
    """Return the condition for accounts that were not emptied."""
    return ~exists().where(
        Tombstone.subject_kind == "account", Tombstone.subject_id == cast(Account.id, String)
    )


def places() -> dict[str, tuple[Counted, ...]]:
    """Return where rows of each category are, and which of them hold something."""
    any_row = true()
    return {
        "lead.contact": ((Lead.id, any_row),),
        "lead.refusal": ((DoNotContact.phone_index, any_row),),
        "usage": ((UsageHit.visitor_index, any_row), (UsageVisitor.visitor_index, any_row)),
        "contact.log": ((Contact.id, any_row),),
        "contact.recording": ((Recording.id, Recording.state != RecordingState.DESTROYED),),
        "account.contact": (
            (Account.id, _full()),
            (AccountChange.account_id, any_row),
            (Reach.account_id, any_row),
            (Proof.id, any_row),
        ),
        "message.body": ((Message.id, Message.address.is_not(None)),),
        "account.credentials": tuple(
            (table.account_id, any_row)
            for table in (TotpFactor, Passkey, RecoveryCode, Invitation, AccountCode)
        ),
        "security_log": (
            (SignIn.id, any_row),
            (LoginSession.id, any_row),
            (SafetySource.account_id, any_row),
        ),
        "audit": ((AuditEntry.id, any_row), (AccessRequest.id, any_row)),
        "student.profile": ((Student.id, Student.unbound_at.is_(None)),),
        "registration.answers": ((RegistrationAnswer.registration_id, any_row),),
        "identity.number": ((Registration.id, Registration.id_number_sealed.is_not(None)),),
        "identity.number_tail": ((Registration.id, Registration.id_number_tail.is_not(None)),),
        "safety.mark": ((SafetyMark.id, any_row), (SealedDigest.document_id, any_row)),
        "identity.document": ((Document.id, Document.destroyed_at.is_(None)),),
        "decision": ((Decision.id, any_row), (DecisionDraft.document_id, any_row)),
        "safety.flag": ((SafetyFlag.id, any_row),),
        "agreement.document": ((AgreementDocument.agreement_id, any_row),),
        "consent": ((ConsentRecord.id, any_row),),
        "consent.guardian": ((ConsentRecord.id, ConsentRecord.guardian.is_not(None)),),
        "rights.request": ((RightsRequest.id, any_row),),
        # Emptied when the case closes.
        "rights.proof": (
            (
                RightsRequest.id,
                RightsRequest.closed_at.is_(None) & RightsRequest.checked_at.is_not(None),
            ),
        ),
        "rights.copy": ((AccessCopy.id, AccessCopy.destroyed_at.is_(None)),),
        "legal.order": ((LegalHold.id, any_row), (AuthorityQuery.id, any_row)),
        "legal.archive": ((ArchiveItem.id, ArchiveItem.destroyed_at.is_(None)),),
    }


def left(session: Session) -> dict[str, int]:
    """Return how many rows of each category of the registry still hold something."""
    return {
        key: sum(session.scalar(_count(column, which)) or 0 for column, which in counted)
        for key, counted in places().items()
    }


def _count(column: Any, which: ColumnElement[bool]) -> Select[int]:
    return select(func.count(column)).where(which)
