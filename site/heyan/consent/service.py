"""The verbs of the consent ledger: grant, withdraw, ask."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from heyan import clock
from heyan.consent.models import ConsentRecord
from heyan.consent.purposes import ACCOUNT, ANALYTICS, CALL_RECORDING, LEAD_CALLBACK, PURPOSES
from heyan.db import transaction
from heyan.policies import standing as terms
from heyan.policies.models import PolicyVersion
from heyan.policies.service import version_in_force


class ConsentMissing(Exception):
    """Processing was asked for a purpose that the person has not agreed to."""

    def __init__(self, purpose: str) -> None:
        super().__init__(purpose)
        self.purpose = purpose


class TermsOpen(ConsentMissing):
    """The terms changed materially and the person has not agreed: nothing new begins (K1)."""


@dataclass(frozen=True)
class Evidence:
    """From where a consent came: the request's address and browser."""

    source: str
    user_agent: str


def _write(
    session: Session,
    purpose: str,
    granted: bool,
    evidence: Evidence,
    *,
    text_shown: str,
    account_id: uuid.UUID | None,
    lead_id: uuid.UUID | None,
    student_id: uuid.UUID | None,
    registration_id: uuid.UUID | None,
    details: Mapping[str, object] | None,
    guardian: Mapping[str, str] | None,
    contact_id: uuid.UUID | None = None,
    visitor: str | None = None,
    policy: PolicyVersion | None = None,
) -> ConsentRecord:
    if purpose not in PURPOSES:
        raise KeyError(purpose)
    if account_id is not None and lead_id is not None:
        raise ValueError("a consent belongs to an account or to a lead, not to both")
    if not any((account_id, lead_id, contact_id, visitor)):
        raise ValueError("a consent is an account's, a lead's, a caller's or a visitor's")
    if contact_id is not None:
        details = {**(details or {}), "contact_id": str(contact_id)}
    if visitor is not None:
        details = {**(details or {}), "visitor": visitor}
    policy = policy or version_in_force(session)
    record = ConsentRecord(
        account_id=account_id,
        lead_id=lead_id,
        student_id=student_id,
        registration_id=registration_id,
        purpose=purpose,
        granted=granted,
        policy_version=policy.version,
        policy_sha256=policy.content_sha256,
        text_shown=text_shown,
        at=clock.now(),
        source=evidence.source,
        user_agent=evidence.user_agent[:400],
        details=dict(details or {}),
        guardian=json.dumps(dict(guardian), ensure_ascii=False) if guardian else None,
    )
    session.add(record)
    session.flush()
    return record


def grant(
    session: Session,
    purpose: str,
    evidence: Evidence,
    *,
    text_shown: str,
    account_id: uuid.UUID | None = None,
    lead_id: uuid.UUID | None = None,
    student_id: uuid.UUID | None = None,
    registration_id: uuid.UUID | None = None,
    details: Mapping[str, object] | None = None,
    guardian: Mapping[str, str] | None = None,
    contact_id: uuid.UUID | None = None,
    visitor: str | None = None,
    policy: PolicyVersion | None = None,
) -> ConsentRecord:
    """Write that the person agreed to *purpose*, with the text as it was shown (A2).

    *contact_id* names the call in which somebody agreed, who may be known by nothing else;
    *visitor* is the keyed digest of a visitor's cookie. *policy* is the version agreed to where
    it is not the one in force.
    """
    with transaction(session):
        return _write(
            session,
            purpose,
            True,
            evidence,
            text_shown=text_shown,
            account_id=account_id,
            lead_id=lead_id,
            student_id=student_id,
            registration_id=registration_id,
            details=details,
            guardian=guardian,
            contact_id=contact_id,
            visitor=visitor,
            policy=policy,
        )


def withdraw(
    session: Session,
    purpose: str,
    evidence: Evidence,
    *,
    text_shown: str,
    account_id: uuid.UUID | None = None,
    lead_id: uuid.UUID | None = None,
    student_id: uuid.UUID | None = None,
    registration_id: uuid.UUID | None = None,
    contact_id: uuid.UUID | None = None,
    visitor: str | None = None,
) -> ConsentRecord:
    """Write that the person took *purpose* back; the effect is the caller's to carry out."""
    with transaction(session):
        return _write(
            session,
            purpose,
            False,
            evidence,
            text_shown=text_shown,
            account_id=account_id,
            lead_id=lead_id,
            student_id=student_id,
            registration_id=registration_id,
            details=None,
            guardian=None,
            contact_id=contact_id,
            visitor=visitor,
        )


@lru_cache(maxsize=4)
def _latest(*, by_student: bool, by_registration: bool) -> Select[ConsentRecord]:
    query = select(ConsentRecord).where(
        ConsentRecord.account_id == bindparam("account"), ConsentRecord.purpose == bindparam("of")
    )
    if by_student:
        query = query.where(ConsentRecord.student_id == bindparam("student"))
    if by_registration:
        query = query.where(ConsentRecord.registration_id == bindparam("registration"))
    return query.order_by(ConsentRecord.at.desc(), ConsentRecord.id.desc()).limit(1)


def standing(
    session: Session,
    purpose: str,
    *,
    account_id: uuid.UUID,
    student_id: uuid.UUID | None = None,
    registration_id: uuid.UUID | None = None,
) -> ConsentRecord | None:
    """Return the latest record for *purpose* if it is a grant, else None."""
    asked: dict[str, Any] = {"account": account_id, "of": purpose}
    if student_id is not None:
        asked["student"] = student_id
    if registration_id is not None:
        asked["registration"] = registration_id
    query = _latest(by_student="student" in asked, by_registration="registration" in asked)
    latest = session.scalars(query, asked).first()
    return latest if latest is not None and latest.granted else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a batch needs to know of a consent that stands."""

    purpose: str
    details: dict[str, Any]


def standing_of_all(
    session: Session, purposes: Iterable[str], registration_ids: Iterable[uuid.UUID]
) -> dict[tuple[uuid.UUID, uuid.UUID, str], Standing]:
    """Return what `standing` returns for many registrations, in one query.

    Keys are registration, account and purpose; without a standing consent there is no entry. Who
    agreed from where is not read.
    """
    place = (ConsentRecord.registration_id, ConsentRecord.account_id, ConsentRecord.purpose)
    latest = session.execute(
        select(*place, ConsentRecord.granted, ConsentRecord.details)
        .where(
            ConsentRecord.registration_id.in_(list(registration_ids)),
            ConsentRecord.purpose.in_(list(purposes)),
        )
        .ext(distinct_on(*place))
        .order_by(*place, ConsentRecord.at.desc(), ConsentRecord.id.desc())
    )
    return {
        (registration_id, account_id, purpose): Standing(purpose, details)
        for registration_id, account_id, purpose, granted, details in latest
        if granted and registration_id and account_id
    }


def require(
    session: Session,
    purpose: str,
    *,
    account_id: uuid.UUID,
    student_id: uuid.UUID | None = None,
    registration_id: uuid.UUID | None = None,
) -> ConsentRecord:
    """Return the standing consent for *purpose*, or raise `ConsentMissing` (S-014).

    For the account itself raises `TermsOpen` until the present terms are agreed to.
    """
    found = standing(
        session,
        purpose,
        account_id=account_id,
        student_id=student_id,
        registration_id=registration_id,
    )
    if found is None:
        raise ConsentMissing(purpose)
    if purpose == ACCOUNT and not terms.settled(session, account_id):
        raise TermsOpen(purpose)
    return found


def require_of_lead(session: Session, lead_id: uuid.UUID) -> ConsentRecord:
    """Return the consent to be called back that a lead came with, or raise `ConsentMissing`."""
    return _granted(
        session,
        LEAD_CALLBACK,
        select(ConsentRecord).where(
            ConsentRecord.lead_id == lead_id, ConsentRecord.purpose == LEAD_CALLBACK
        ),
    )


def require_of_call(session: Session, contact_id: uuid.UUID) -> ConsentRecord:
    """Return the consent to being recorded given in a call, or raise `ConsentMissing` (S-025)."""
    return _granted(
        session,
        CALL_RECORDING,
        select(ConsentRecord).where(
            # Written out, so that the partial index is found.
            ConsentRecord.purpose == literal_column(f"'{CALL_RECORDING}'"),
            ConsentRecord.details.contains({"contact_id": str(contact_id)}),
        ),
    )


def require_of_visitor(session: Session, consent_id: uuid.UUID, visitor: str) -> ConsentRecord:
    """Return a visitor's consent to be counted, or raise `ConsentMissing` (A6, F3).

    Taking it back removes the visitor's row, so the one that the row names stands.
    """
    found = session.get(ConsentRecord, consent_id)
    if (
        found is None
        or not found.granted
        or found.purpose != ANALYTICS
        or found.details.get("visitor") != visitor
    ):
        raise ConsentMissing(ANALYTICS)
    return found


def _granted(session: Session, purpose: str, query: Select[ConsentRecord]) -> ConsentRecord:
    latest = session.scalars(
        query.order_by(ConsentRecord.at.desc(), ConsentRecord.id.desc()).limit(1)
    ).first()
    if latest is None or not latest.granted:
        raise ConsentMissing(purpose)
    return latest
