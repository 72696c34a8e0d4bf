"""The registry in the words of the policy: the public data table (PIPL 17)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.categories import Ending, Level
from heyan.classification import CATEGORIES, NOBODY

# --- what the policy shows -------------------------------------------------------------------

_LEVELS: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("公开"),
    Level.L2_CONTACT: _l("联系信息"),
    Level.L3_SENSITIVE: _l("敏感"),
    Level.L4_IDENTITY: _l("最敏感，只可封存"),
}
_ENDINGS: dict[Ending, Any] = {
    Ending.DELETE: _l("删除"),
    Ending.SHRED: _l("销毁密钥和密文，备份里的副本同时失效"),
}


@dataclass(frozen=True)
class PublicRow:
    """One category in the words of the page's language; no part is ever empty (PIPL 17)."""

    key: str
    level: str
    label: str
    items: str
    purpose: str
    basis: str
    period: str
    counted_from: str
    # The period where it counts in days, else how long in words.
    kept: str
    afterwards: str
    recipients: str
    shared: bool


def public_rows() -> list[PublicRow]:
    """Return the registry as the public reads it; `ValueError` when a part is empty."""
    rows = []
    for category in CATEGORIES:
        row = PublicRow(
            key=category.key,
            level=str(_LEVELS[category.level]),
            label=str(category.label),
            items=str(category.items),
            purpose=str(category.purpose),
            basis=str(category.basis),
            period=_period(category.days),
            counted_from=str(category.counted_from),
            kept=_period(category.days) if category.days else str(category.counted_from),
            afterwards=str(_ENDINGS[category.ending]),
            recipients=str(category.recipients),
            shared=category.recipients is not NOBODY,
        )
        empty = [part.name for part in fields(row) if getattr(row, part.name) == ""]
        if empty:
            raise ValueError(f"{category.key}: the policy would lack {', '.join(empty)}")
        rows.append(row)
    return rows


def _period(days: int | None) -> str:
    if days is None:
        return str(_("不按天数"))
    if days % 365 == 0:
        return str(_("%(count)s 年", count=days // 365))
    return str(_("%(count)s 天", count=days))
