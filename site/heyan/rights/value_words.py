"""Stored values as people read them: states, steps, purposes, times; for page and copy alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan import clock
from heyan.documents.kinds import WORDS as DOCUMENTS
from heyan.rights import wording

_WORDS: dict[str, Any] = {
    "active": _l("使用中"),
    "disabled": _l("已停用"),
    "closed": _l("已结束"),
    "open": _l("办理中"),
    "assigned": _l("已分配"),
    "draft": _l("草稿"),
    "submitted": _l("已提交"),
    "waitlisted": _l("候补中"),
    "verified": _l("核验通过"),
    "returned": _l("退回"),
    "withdrawn": _l("已撤回"),
    "sealed": _l("已封存"),
    "released": _l("已交出"),
    "accepted": _l("核验通过"),
    "superseded": _l("已被替换"),
    "destroyed": _l("已销毁"),
    "received": _l("收到"),
    "prepared": _l("编入批次"),
    "offered": _l("备好待取"),
    "fetched": _l("已取走"),
    "acknowledged": _l("已确认收到"),
    "succeeded": _l("成功"),
    "wrong_password": _l("密码不对"),
    "wrong_code": _l("验证码不对"),
    "throttled": _l("尝试太多，已拦下"),
    "signed_out": _l("退出"),
    "self": _l("本人"),
    "child": _l("我的子女"),
    "ward": _l("我监护的人"),
    "first_guardian": _l("绑定学员的监护人"),
    "second_guardian": _l("共同监护人"),
    "password": _l("密码"),
    "totp": _l("动态验证码"),
    "passkey": _l("通行密钥"),
    "recovery_code": _l("备用码"),
    **{kind.value: words.label for kind, words in DOCUMENTS.items()},
    "ordered": _l("制作中"),
    "ready": _l("已做好"),
    "failed": _l("没有成功"),
    "refused": _l("不予办理"),
    "done": _l("已办结"),
    "corrected": _l("更正"),
    "deleted": _l("删除"),
    "sms": _l("短信"),
    "email": _l("邮件"),
    "sent": _l("已发出"),
    **{kind.value: words for kind, words in wording.KINDS.items()},
    **{channel.value: words for channel, words in wording.CHANNELS.items()},
    **wording.PURPOSES,
}
# Columns in which a person's own words stand, which are never taken for a stored state.
OWN_WORDS = frozenset(
    {"name", "answer", "words", "note", "question", "text", "event", "organizer", "student"}
)


def readable(column: str, value: str | int | bool | None) -> str:
    """Return a value of the copy in words; what is not known comes as it is stored."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "✓" if value else "—"
    text = str(value)
    if column in OWN_WORDS:
        return text
    if text in _WORDS:
        return str(_WORDS[text])
    if len(text) >= 20 and text[10:11] == "T":
        try:
            return f"{clock.local(datetime.fromisoformat(text)):%Y-%m-%d %H:%M}"
        except ValueError:
            return text
    return text
