"""Words of approvals: purposes, scenarios, states, and why something stays masked."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.access import Scenario
from heyan.approvals.models import GrantStatus, RequestStatus

PURPOSES: dict[str, Any] = {
    "dispute": _l("处理纠纷或申诉"),
    "complaint": _l("处理投诉"),
    "rights": _l("办理本人行使权利的请求"),
    "correct": _l("核对或更正错误"),
    "incident": _l("查明安全事件"),
    "authority": _l("依法配合有权机关"),
}
# A list is needed for other things than a record is.
EXPORT_PURPOSES: dict[str, Any] = {
    "callback": _l("集中回电"),
    "reconcile": _l("与线下登记核对"),
    "complaint": _l("处理投诉"),
    "authority": _l("依法配合有权机关"),
}
SCENARIO_NAMES: dict[Scenario, Any] = {
    Scenario.LEADS: _l("回电"),
    Scenario.CONTACTS: _l("来往与纠纷"),
    Scenario.ACCOUNTS: _l("账号服务"),
    Scenario.REGISTRATIONS: _l("报名查询"),
    Scenario.RIGHTS: _l("行使权利的请求"),
}
SUBJECT_NAMES: dict[str, Any] = {
    "registration": _l("报名的敏感信息"),
    "recording": _l("通话录音"),
    "document": _l("身份认证材料"),
    "export": _l("导出的名单"),
}
GRANT_STATES: dict[GrantStatus, tuple[Any, str]] = {
    GrantStatus.PROPOSED: (_l("等待批准"), "attention"),
    GrantStatus.APPROVED: (_l("有效"), "done"),
    GrantStatus.REFUSED: (_l("未批准"), "quiet"),
    GrantStatus.REVOKED: (_l("已撤销"), "quiet"),
}
REQUEST_STATES: dict[RequestStatus, tuple[Any, str]] = {
    RequestStatus.WAITING: (_l("等待批准"), "attention"),
    RequestStatus.APPROVED: (_l("已批准"), "done"),
    RequestStatus.REFUSED: (_l("未批准"), "quiet"),
    RequestStatus.ENDED: (_l("已提前结束"), "quiet"),
}
EXPIRED: tuple[Any, str] = (_l("已到期"), "quiet")


def why_masked(missing: str, scenario: Scenario) -> str:
    """Return why contact data stays masked, and whom to ask."""
    name = str(SCENARIO_NAMES[scenario])
    if missing == "grant":
        return str(
            _(
                "“%(scenario)s”现在没有有效的授权，姓名和联系方式不显示。请让管理员提出授权，"
                "由个人信息保护负责人批准。",
                scenario=name,
            )
        )
    return str(
        _(
            "您的职责不包括“%(scenario)s”，姓名和联系方式不显示。需要时请让管理员调整职责。",
            scenario=name,
        )
    )
