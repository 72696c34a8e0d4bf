"""What closing, deleting or withdrawing does, said before it is done: now, later, and why later."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from heyan import clock
from heyan.classification import REGISTRY, Category
from heyan.events.models import Event
from heyan.registrations.models import Registration, RegistrationStatus

# Gone at once means: here within 72 hours, proven; from backups as they renew (CONTROLS 5).
WITHIN = timedelta(hours=72)
BACKUPS = timedelta(days=35)

GONE: tuple[str, ...] = (
    "account.contact",
    "account.credentials",
    "security_log",
    "student.profile",
    "registration.answers",
    "identity.number",
    "identity.number_tail",
    "identity.document",
    "rights.copy",
)
# What stays after closing, and why; until when says the registry.
STAYS: dict[str, Any] = {
    "consent": _l(
        "证明处理得到过您的同意（个人信息保护法第六十九条），只留编号，不再与您的姓名电话相连"
    ),
    "consent.guardian": _l("证明监护人同意过（个人信息保护法第三十一条、第六十九条）"),
    "decision": _l("处理申诉与争议的诉讼时效为 3 年（民法典第一百八十八条）；只留编号和结果"),
    "audit": _l("网络数据安全管理条例第十二条要求保存操作记录；只留编号，不含姓名电话"),
    "contact.log": _l("处理纠纷所必需；不再用于任何其他目的"),
    "contact.recording": _l("处理纠纷所必需；封存，不再用于任何其他目的"),
    "rights.request": _l("证明您的请求已经办理（民法典第一百八十八条）"),
}


@dataclass(frozen=True)
class Kept:
    """A category that stays for a while: until when at the latest, and why."""

    label: Any
    until: datetime | None
    until_words: Any
    why: Any


def ending(session: Session, account_id: uuid.UUID) -> list[Registration]:
    """Return the registrations that end when the account is closed (S-053)."""
    return list(
        session.scalars(
            select(Registration)
            .where(
                Registration.account_id == account_id,
                Registration.status != RegistrationStatus.WITHDRAWN,
            )
            .options(
                joinedload(Registration.event).joinedload(Event.organization),
                joinedload(Registration.student),
            )
            .order_by(Registration.created_at)
        )
    )


def gone() -> list[Category]:
    """Return the categories that go at once."""
    return [REGISTRY[key] for key in GONE]


def kept(moment: datetime | None = None) -> list[Kept]:
    """Return the categories that stay after closing, each with its last day and the reason."""
    now = moment or clock.now()
    found = []
    for key, why in STAYS.items():
        category = REGISTRY[key]
        until = now + timedelta(days=category.days) if category.days else None
        found.append(Kept(category.label, until, category.counted_from, why))
    return found
