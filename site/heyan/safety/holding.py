"""Who is held back, by whom nobody but a person decided: for batches, and for the person's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from heyan.registrations.models import Registration
from heyan.safety.models import FlagKind, FlagState, SafetyFlag, SafetySubject


@dataclass(frozen=True)
class Held:
    """Why a registration's documents are not handed over, and since when."""

    kind: FlagKind
    since: datetime
    # Looked into, or decided.
    decided: bool


def held_back() -> ColumnElement[bool]:
    """Return the condition for a registration whose documents a person keeps out of batches."""
    return exists().where(
        or_(
            SafetySubject.registration_id == Registration.id,
            SafetySubject.account_id == Registration.account_id,
        ),
        SafetySubject.held_at.is_not(None),
    )


def held(session: Session, registration: Registration) -> Held | None:
    """Return what holds a registration back, the latest, or None."""
    row = session.execute(
        select(SafetyFlag.kind, SafetySubject.held_at, SafetyFlag.state)
        .join(SafetyFlag, SafetyFlag.id == SafetySubject.flag_id)
        .where(
            or_(
                SafetySubject.registration_id == registration.id,
                SafetySubject.account_id == registration.account_id,
            ),
            SafetySubject.held_at.is_not(None),
        )
        .order_by(SafetySubject.held_at.desc())
        .limit(1)
    ).first()
    if row is None or row.held_at is None:
        return None
    return Held(row.kind, row.held_at, row.state is not FlagState.OPEN)
