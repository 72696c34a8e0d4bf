"""Pages and buttons that may be counted, with what the figures call them.

Only pages that anyone may read, and the doors: never a page of somebody's own.
"""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

PAGES: dict[str, Any] = {
    "public.home": _l("首页"),
    "public.contact": _l("联系我们"),
    "public.custody": _l("证件如何被保护"),
    "events.index": _l("项目列表"),
    "events.show": _l("项目页面"),
    "leads.new": _l("回电登记"),
    "leads.thanks": _l("回电登记完成"),
    "policies.privacy": _l("个人信息保护政策"),
    "policies.agreement": _l("用户协议"),
    "policies.cookies": _l("Cookie 说明"),
    "accounts.login": _l("登录"),
    "accounts.register": _l("开立账号"),
}
CLICKS: dict[str, Any] = {
    "enrol": _l("开始报名"),
    "lead": _l("请给我回电"),
    "hotline": _l("咨询电话"),
    "event": _l("看一个项目"),
}
OTHER = "other"


def name_of(name: str) -> str:
    """Return what the figures call a page, a button, a system or a device."""
    if name == OTHER:
        return str(_("其他（不足 5 人）"))
    if name == "":
        return str(_("未知"))
    return str(PAGES.get(name) or CLICKS.get(name) or name)
