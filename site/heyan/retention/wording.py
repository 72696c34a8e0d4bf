"""Kinds, rules and states of keeping in words."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan import clock
from heyan.access import Role
from heyan.retention.models import AuthorityQuery, HoldSubject, LegalHold

KINDS: dict[HoldSubject, Any] = {
    HoldSubject.ACCOUNT: _l("账号"),
    HoldSubject.STUDENT: _l("学员"),
    HoldSubject.REGISTRATION: _l("报名"),
    HoldSubject.DOCUMENT: _l("材料"),
    HoldSubject.LEAD: _l("回电登记"),
    HoldSubject.CONTACT: _l("来往记录"),
}
# What a rule of the sweep is about; a rule that has no words yet shows its own name.
RULES: dict[str, Any] = {
    "events": _l("到了最后一天的项目"),
    "documents": _l("身份认证材料"),
    "id_numbers": _l("身份证件号码"),
    "answers": _l("报名信息"),
    "leads": _l("回电登记"),
    "closed_accounts": _l("注销的账号"),
    "unused_accounts": _l("两年没有使用的账号"),
    "sign_ins": _l("安全日志"),
    "decisions": _l("核验结果"),
    "consents": _l("同意记录"),
    "audit": _l("操作记录"),
    "legal_orders": _l("有权机关的指令"),
    "archive": _l("注销后依法保存的交易信息"),
    "contacts": _l("来往记录"),
    "recordings": _l("通话录音"),
}
ROLES: dict[Role, Any] = {
    Role.PRIVACY_OFFICER: _l("个人信息保护负责人"),
    Role.ADMINISTRATOR: _l("管理员"),
}


def rule_words(name: str) -> str:
    """Return what a rule is about."""
    return str(RULES.get(name, name))


def hold_state(row: LegalHold) -> tuple[str, str]:
    """Return a hold's state in words, and its tone."""
    if row.refused_at is not None:
        return _("没有批准"), "quiet"
    if row.released_at is not None:
        return _("已解除"), "quiet"
    if row.approved_at is None:
        return _("等另一人批准，还没有保全"), "attention"
    if row.ends_at <= clock.now():
        return _("到期，已不再保全"), "quiet"
    if row.release_asked_at is not None:
        return _("保全中，等另一人同意解除"), "attention"
    return _("保全中"), "done"


def query_state(row: AuthorityQuery) -> tuple[str, str]:
    """Return an order's state in words, and its tone."""
    if row.refused_at is not None:
        return _("没有批准"), "quiet"
    if row.handed_at is not None:
        return _("已取出 %(count)s 份密文", count=row.handed_objects or 0), "quiet"
    if row.approved_at is not None:
        return _("已批准，等着在处理机上取出"), "attention"
    return _("等另一人批准"), "attention"
