"""Words for what keeps somebody from sensitive data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

LACKING: dict[str, Any] = {
    "course": _l("培训没有登记或已过期"),
    "exam": _l("考试没有登记或已过期"),
    "rule": _l("有内部制度过了期限还没有确认"),
}


def why_off(lacking: Iterable[str]) -> str:
    """Return why somebody is shown no sensitive data, and what to do."""
    faults = _("、").join(str(LACKING[one]) for one in sorted(lacking))
    return str(
        _(
            "您现在不能查看敏感信息：%(faults)s。请在“培训”页面确认制度；"
            "完成培训和考试之后，请管理员登记。",
            faults=faults,
        )
    )
