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
# What a rule of keeping counts (`uploads_worker.keeping.rules`).
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
    "lead_refusals": _l("勿再联系的号码"),
    "messages": _l("邮件和短信"),
    "agreement_documents": _l("协议的文件"),
    "approvals": _l("查看敏感信息的申请"),
    "assistance": _l("协助账号的验证码和变更"),
    "rights_requests": _l("权利请求"),
    "access_copies": _l("本人信息的副本"),
    "safety": _l("风险提示"),
    "usage": _l("浏览统计"),
    "usage_sums": _l("浏览统计的合计"),
    "sweep_runs": _l("清理的记录"),
}
# What else a sweep does (`uploads_worker.sweep`), named where it failed.
STEPS: dict[str, Any] = {
    "drafts": _l("没有提交的报名"),
    "releases": _l("交给主办单位的批次"),
    "orphans": _l("没有登记的封存文件"),
    "release_orphans": _l("没有登记的批次文件"),
    "recording_orphans": _l("没有登记的录音文件"),
    "recording_keys": _l("通话录音的密钥"),
    "sessions": _l("登录会话"),
    "devices": _l("记住的设备"),
    "invitations": _l("激活码"),
    "upload_counts": _l("上传次数的计数"),
    "viewings": _l("员工的查看件"),
    "notices": _l("站内通知"),
    "rate_limits": _l("限速的计数"),
    "custody": _l("材料流转的记录"),
    "unused_warnings": _l("账号久未使用的提醒"),
    "keyring_copies": _l("密钥环的副本"),
    "archive_move": _l("封存档案的转存"),
    "parked_jobs": _l("停下的后台任务"),
}
ROLES: dict[Role, Any] = {
    Role.PRIVACY_OFFICER: _l("个人信息保护负责人"),
    Role.ADMINISTRATOR: _l("管理员"),
}


def rule_words(name: str) -> str:
    """Return what a rule or step is about; ``count:`` before it where it could not be counted."""
    counted, _colon, rule = name.rpartition(":")
    words = str((RULES | STEPS).get(rule, rule))
    return str(_("清点%(what)s", what=words)) if counted else words


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
