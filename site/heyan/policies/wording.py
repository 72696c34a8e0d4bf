"""What the six kinds of change are called (S-109), and what agreeing to changed terms says."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.clock import local
from heyan.events.wording import english
from heyan.policies.models import ChangeKind, PolicyKind, PolicyVersion

KIND_WORDS: dict[ChangeKind, Any] = {
    ChangeKind.SERVICE: _l("服务模式：处理目的、信息种类、使用方式或保存期限"),
    ChangeKind.RIGHTS: _l("您的权利，或者怎样行使"),
    ChangeKind.OWNERSHIP: _l("所有权或组织架构：合并、分立、破产、并购"),
    ChangeKind.RECIPIENTS: _l("接收方：把信息提供给谁"),
    ChangeKind.CONTACT: _l("负责部门、联系方式或投诉渠道"),
    ChangeKind.HIGH_RISK: _l("影响评估表明存在高风险"),
}
NAMES: dict[PolicyKind, Any] = {
    PolicyKind.PRIVACY: _l("个人信息保护政策"),
    PolicyKind.AGREEMENT: _l("用户协议"),
}


def changes_of(version: PolicyVersion) -> str:
    """Return what changed, in the page's language where it was written in it."""
    return version.changes_en if english() and version.changes_en else version.changes


def kinds_of(version: PolicyVersion) -> list[Any]:
    """Return the kinds of change of a version, in words."""
    return [words for kind, words in KIND_WORDS.items() if kind.value in version.kinds]


def text_of(versions: list[PolicyVersion]) -> str:
    """Return what a person agrees to, as the page shows it and the ledger keeps it."""
    lines = [
        str(
            _(
                "同意%(name)s %(version)s 版（自 %(day)s 起生效）。变更：%(changes)s",
                name=NAMES[one.kind],
                version=one.version,
                day=f"{local(one.effective_at):%Y-%m-%d}",
                changes=changes_of(one),
            )
        )
        for one in versions
    ]
    return "\n".join(lines)
