"""The rules as data: what is noticed, how it is put to staff, and to the person concerned.

The two numbers that rules compare with are settings (`heyan.settings_limits.SafetyLimits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan.safety.models import FlagAct, FlagKind, FlagState


@dataclass(frozen=True)
class Rule:
    """``reason`` is for staff, ``told`` for the person, who learns nothing about others."""

    title: Any
    reason: Any
    told: Any


RULES: dict[FlagKind, Rule] = {
    FlagKind.SAME_NUMBER: Rule(
        _l("同一个证件号码"),
        _l(
            "同一个项目里，下面几份报名填的证件号码完全相同，报名的却不是同一个学员。"
            "可能是填错了、家长双方各报了一次，也可能有人冒用。号码本身谁也看不到。"
        ),
        _l("这份报名的证件号码，与本项目另一份报名的号码相同。"),
    ),
    FlagKind.SAME_FILE: Rule(
        _l("同一个文件"),
        _l(
            "同一个项目里，下面几份报名交来的文件一个字节都不差，报名的却不是同一个学员。"
            "可能是选错了照片，也可能有人冒用。文件本身谁也看不到；重新拍摄的照片不会被这样发现。"
        ),
        _l("这份报名的材料，与本项目另一名学员交来的文件完全相同。"),
    ),
    FlagKind.MANY_ACCOUNTS: Rule(
        _l("同一来源开立很多账号"),
        _l(
            "短时间内，同一个网络地址开立了很多账号。学校机房、培训机构和移动网络常常共用一个地址，"
            "单凭这一点不能说明有问题。"
        ),
        _l("与您的账号同一来源，短时间内开立了很多账号。"),
    ),
    FlagKind.TWO_NETWORKS: Rule(
        _l("几分钟内从两个网络登录"),
        _l(
            "同一个账号几分钟内从两个不同的网络登录，后一次用的是没有登录过的设备。"
            "本网站不查地理位置：手机从无线网切换到移动网络、家人共用账号，也会是这样。"
        ),
        _l("您的账号几分钟内从两个不同的网络、不同的设备登录。"),
    ),
}

STATES: dict[FlagState, tuple[Any, str]] = {
    FlagState.OPEN: (_l("等待判断"), "attention"),
    FlagState.CLEARED: (_l("没有问题"), "done"),
    FlagState.STOPPED: (_l("停止转交"), "attention"),
}

ACTS: dict[FlagAct, Any] = {
    FlagAct.CLEAR: _l("没有问题：结束提示，恢复转交"),
    FlagAct.ASK: _l("询问本人：请客服联系，记入来往"),
    FlagAct.TELL: _l("告诉主办单位，请对方核对"),
    FlagAct.HOLD: _l("先暂缓转交，查清楚再定"),
    FlagAct.RESUME: _l("取消暂缓，继续转交"),
    FlagAct.STOP: _l("停止转交：材料不再编入批次"),
}

DONE: dict[FlagAct, Any] = {
    FlagAct.CLEAR: _l("判断没有问题"),
    FlagAct.ASK: _l("询问本人"),
    FlagAct.TELL: _l("告诉了主办单位"),
    FlagAct.HOLD: _l("暂缓转交"),
    FlagAct.RESUME: _l("取消暂缓"),
    FlagAct.STOP: _l("停止转交"),
}
