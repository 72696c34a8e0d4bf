"""What is held of second guardians: bindings that the account is at either end of (S-047)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from heyan.students.models import Guardianship, Student


def guardianships(session: Session, account_id: uuid.UUID) -> Iterator[tuple[Any, ...]]:
    """Return the rows of the part of this name: at which end, and when; never who the other is."""
    rows = session.execute(
        select(
            Guardianship.account_id,
            Guardianship.bound_at,
            Guardianship.disputed_by.is_not(None),
            Guardianship.ended_at,
        )
        .join(Student, Student.id == Guardianship.student_id)
        .where(
            Guardianship.bound_at.is_not(None),
            or_(Guardianship.account_id == account_id, Student.account_id == account_id),
        )
        .order_by(Guardianship.bound_at)
    )
    for second, bound_at, disputed, ended_at in rows:
        role = "second_guardian" if second == account_id else "first_guardian"
        yield (role, bound_at, disputed, ended_at)
