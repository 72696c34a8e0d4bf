"""The yearly audit of minors' data: counted from the ledger and the audit, due on 31 January."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy import String, cast, distinct, func, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.assessments.models import MinorsAudit
from heyan.audit.models import AuditEntry
from heyan.audit.service import Actor, record
from heyan.consent.models import ConsentRecord
from heyan.db import transaction
from heyan.registrations.models import Registration
from heyan.students.models import Student

CHILD, MINOR = 14, 18
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
    """Count minors by age and purpose, guardians' consents, and staff's accesses in *year*."""
    begins = datetime(year, 1, 1, tzinfo=clock.SHANGHAI)
    ends = datetime(year + 1, 1, 1, tzinfo=clock.SHANGHAI)
    at = min(ends, clock.now())
    ages: dict[str, list[str]] = {"under_14": [], "from_14": []}
    for key, born in session.execute(select(Student.id, Student.birth_date)).yield_per(1000):
        if (group := _group(born, clock.local(at).date())) is not None:
            ages[group].append(str(key))
    found: dict[str, int] = {}
    for group, keys in ages.items():
        found[group] = len(keys)
        purposes = session.execute(
            select(ConsentRecord.purpose, func.count(distinct(ConsentRecord.student_id)))
            .where(
                cast(ConsentRecord.student_id, String).in_(keys),
                ConsentRecord.granted,
                ConsentRecord.at < ends,
            )
            .group_by(ConsentRecord.purpose)
        )
        found |= {f"{group}:{purpose}": count for purpose, count in purposes}
    found["guardians"] = (
        session.scalar(
            select(func.count())
            .select_from(ConsentRecord)
            .where(
                ConsentRecord.guardian.is_not(None),
                ConsentRecord.granted,
                ConsentRecord.at >= begins,
                ConsentRecord.at < ends,
            )
        )
        or 0
    )
    found["accesses"] = _accesses(session, [*ages["under_14"], *ages["from_14"]], begins, ends)
    return found


def _accesses(session: Session, students: list[str], begins: datetime, ends: datetime) -> int:
    mine = select(Registration.id).where(cast(Registration.student_id, String).in_(students))
    registrations = [str(key) for key in session.scalars(mine)]
    counted = (
        select(func.count())
        .select_from(AuditEntry)
        .where(
            AuditEntry.actor_kind == "staff",
            AuditEntry.at >= begins,
            AuditEntry.at < ends,
            or_(
                AuditEntry.subject_id.in_(students),
                AuditEntry.subject_id.in_(registrations),
            ),
        )
    )
    return session.scalar(counted) or 0


def _group(born: str, today: date) -> str | None:
    try:
        day = date.fromisoformat(born)
    except (TypeError, ValueError):
        # Emptied with its account.
        return None
    age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
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
        said = words.get(group, group)
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
        if session.get(MinorsAudit, year) is not None:
            return
        session.add(
            MinorsAudit(
                year=year,
                findings=findings,
                figures=figures(session, year),
                written_by=actor.id,
                written_at=clock.now(),
            )
        )
        record(session, actor, "assessments.finish_minors_audit", "minors_audit", str(year))
