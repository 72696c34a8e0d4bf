"""The yearly audit of minors' data: counted from the ledger and the audit, due on 31 January."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import bindparam, distinct, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.assessments.models import MinorsAudit
from heyan.audit.models import AuditEntry
from heyan.audit.service import Actor, record
from heyan.consent.models import ConsentRecord
from heyan.db import transaction
from heyan.registrations.models import Registration
from heyan.rights.wording import PURPOSES
from heyan.students.models import Student
from heyan.students.service import age_on

CHILD, MINOR = 14, 18
# Students opened at a time.
PAGE = 1000
APPEARS_MONTH = 12


def year_due(moment: datetime) -> int:
    """Return the year to be audited: the one that runs, from December on; else the last."""
    today = clock.local(moment)
    return today.year if today.month == APPEARS_MONTH else today.year - 1


def due_on(year: int) -> datetime:
    """Return the last day on which the audit of *year* is handed in."""
    return datetime(year + 1, 1, 31, tzinfo=clock.SHANGHAI)


def overdue(moment: datetime, year: int) -> bool:
    """Tell whether 31 January is past."""
    return moment >= due_on(year) + timedelta(days=1)


def figures(session: Session, year: int) -> dict[str, int]:
    """Count minors by age and purpose, guardians' consents, and staff's accesses in *year*.

    Nobody's age is stored but by the birth date itself, which is encrypted: each is opened once, a
    page of students at a time, so that memory stays the same for any number of them.
    """
    begins = datetime(year, 1, 1, tzinfo=clock.SHANGHAI)
    ends = datetime(year + 1, 1, 1, tzinfo=clock.SHANGHAI)
    today = clock.local(min(ends, clock.now())).date()
    found: Counter[str] = Counter({"under_14": 0, "from_14": 0})
    accesses, after = 0, uuid.UUID(int=0)
    while page := session.execute(_STUDENTS, {"after": after}).all():
        after = page[-1].id
        ages: dict[str, list[uuid.UUID]] = {"under_14": [], "from_14": []}
        for key, born in page:
            if (group := _group(born, today)) is not None:
                ages[group].append(key)
        for group, keys in ages.items():
            found[group] += len(keys)
            found.update(_purposes(session, group, keys, ends))
        everyone = [*ages["under_14"], *ages["from_14"]]
        accesses += _accesses(session, everyone, begins, ends)
    guardians = session.scalar(
        select(func.count())
        .select_from(ConsentRecord)
        .where(
            ConsentRecord.guardian.is_not(None),
            ConsentRecord.granted,
            ConsentRecord.at >= begins,
            ConsentRecord.at < ends,
        )
    )
    order = sorted(found, key=lambda key: (not key.startswith("under_14"), key))
    return {key: found[key] for key in order} | {"guardians": guardians or 0, "accesses": accesses}


_STUDENTS = (
    select(Student.id, Student.birth_date)
    .where(Student.id > bindparam("after"), Student.unbound_at.is_(None))
    .order_by(Student.id)
    .limit(PAGE)
)


def _purposes(
    session: Session, group: str, keys: list[uuid.UUID], ends: datetime
) -> dict[str, int]:
    if not keys:
        return {}
    rows = session.execute(
        select(ConsentRecord.purpose, func.count(distinct(ConsentRecord.student_id)))
        .where(
            ConsentRecord.student_id.in_(keys),
            ConsentRecord.granted,
            ConsentRecord.at < ends,
        )
        .group_by(ConsentRecord.purpose)
    )
    return {f"{group}:{purpose}": count for purpose, count in rows}


def _accesses(session: Session, students: list[uuid.UUID], begins: datetime, ends: datetime) -> int:
    if not students:
        return 0
    registrations = session.scalars(
        select(Registration.id).where(Registration.student_id.in_(students))
    )
    subjects = [str(one) for one in (*students, *registrations)]
    counted = (
        select(func.count())
        .select_from(AuditEntry)
        .where(
            AuditEntry.actor_kind == "staff",
            AuditEntry.at >= begins,
            AuditEntry.at < ends,
            AuditEntry.subject_id.in_(subjects),
        )
    )
    return session.scalar(counted) or 0


def _group(born: str, today: date) -> str | None:
    try:
        age = age_on(born, today)
    except (TypeError, ValueError):
        # Emptied with its account.
        return None
    if age < CHILD:
        return "under_14"
    return "from_14" if age < MINOR else None


def lines(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the figures in words."""
    words = {
        "under_14": _("不满 14 周岁的学员"),
        "from_14": _("14 至 17 周岁的学员"),
        "guardians": _("本年监护人同意的次数"),
        "accesses": _("本年工作人员查看、办理未成年人信息的次数"),
    }
    result = []
    for key, count in found.items():
        group, _colon, purpose = key.partition(":")
        said, purpose = words.get(group, group), str(PURPOSES.get(purpose, purpose))
        result.append((f"{said} · {purpose}" if purpose else said, count))
    return result


def finished(session: Session, year: int) -> MinorsAudit | None:
    """Return the audit of *year* once it is finished."""
    return session.get(MinorsAudit, year)


def finish(session: Session, actor: Actor, year: int, findings: str) -> None:
    """Keep the audit of *year* with what was found; a second time changes nothing."""
    if actor.id is None:
        raise ValueError("a person does this")
    with transaction(session):
        kept = session.execute(
            insert(MinorsAudit)
            .values(
                year=year,
                findings=findings,
                figures=figures(session, year),
                written_by=actor.id,
                written_at=clock.now(),
            )
            .on_conflict_do_nothing()
            .returning(MinorsAudit.year)
        ).first()
        if kept is None:
            return
        record(session, actor, "assessments.finish_minors_audit", "minors_audit", str(year))
