"""The record of processing activities, from the registry, and how many people it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask_babel import gettext as _
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.classification import REGISTRY
from heyan.handling import STAGES, handling
from heyan.public_table import public_rows
from heyan.registrations.models import Registration
from heyan.students.models import Student

# From here on stricter duties hold (L-23); the alarm comes at four fifths.
MOST_SENSITIVE = 100_000
MOST_PERSONS = 1_000_000
ALARM_FIFTHS = 4


class Company(Protocol):
    """Who answers for the processing."""

    @property
    def company_name(self) -> str:
        """Its name; empty where none is set."""

    @property
    def privacy_officer(self) -> str:
        """Who is responsible for personal data; empty where nobody is set."""


def heads() -> list[str]:
    """Return the columns' names."""
    return [
        _("类别"), _("内容"), _("目的"), _("依据"), _("级别"), _("涉及的人"), _("接收方"),
        _("保存期限"), _("起算"), _("到期之后"), _("收集"), _("传输"), _("使用"), _("存储"),
        _("提供和转移"), _("销毁"), _("负责"),
    ]  # fmt: skip


def rows(company: Company) -> list[list[str]]:
    """Return one line for each category of the registry (L-22, L-24)."""
    responsible = _("、").join(
        one for one in (company.company_name, company.privacy_officer) if one
    ) or _("个人信息保护负责人")
    return [
        [
            row.label, row.items, row.purpose, row.basis, row.level, _concerned(row.key),
            row.recipients, row.period, row.counted_from, row.afterwards,
            *(str(handling(REGISTRY[row.key]).stages[stage]) for stage in STAGES), responsible,
        ]
        for row in public_rows()
    ]  # fmt: skip


def _concerned(key: str) -> str:
    if key.startswith(("lead.", "usage")):
        return str(_("访客"))
    if key.startswith("agreement."):
        return str(_("合作方的人员"))
    if key.startswith(("audit", "security_log", "account.")):
        return str(_("账号持有人、主办单位成员、工作人员"))
    return str(_("学员、家长和监护人"))


@dataclass(frozen=True)
class Persons:
    """How many people there are in the data, and of how many something sensitive."""

    everyone: int
    sensitive: int

    @property
    def alarms(self) -> int:
        """How many of the two thresholds are four fifths reached (L-23)."""
        pairs = ((self.everyone, MOST_PERSONS), (self.sensitive, MOST_SENSITIVE))
        return sum(count * 5 >= most * ALARM_FIFTHS for count, most in pairs)


def persons(session: Session) -> Persons:
    """Count people: students, account holders beside them, and students who registered."""
    holders = session.scalar(
        select(func.count())
        .select_from(Account)
        .where(Account.realm == Realm.PUBLIC, Account.status != AccountStatus.CLOSED)
    )
    students = session.scalar(select(func.count()).select_from(Student))
    sensitive = session.scalar(select(func.count(distinct(Registration.student_id))))
    return Persons((holders or 0) + (students or 0), sensitive or 0)
