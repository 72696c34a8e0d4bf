"""Why a document came back, in full sentences with what to do next (UX: return reasons)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan.decisions.models import ReasonCode

R = ReasonCode


@dataclass(frozen=True)
class Reason:
    """One reason: its short name for the desk, the sentence, and the next step."""

    label: Any
    sentence: Any
    next_step: Any


REASONS: dict[ReasonCode, Reason] = {
    R.BLURRED: Reason(
        _l("模糊"),
        _l("照片模糊，证件上的文字看不清。"),
        _l("请把证件平放在光线充足处，拿稳手机，对焦清楚后重拍。"),
    ),
    R.CROPPED: Reason(
        _l("不完整"),
        _l("证件没有拍全，有边角在画面之外。"),
        _l("请把手机拿远一点，让证件的四个角都在画面里，再重拍。"),
    ),
    R.GLARE: Reason(
        _l("反光"),
        _l("证件表面反光，遮住了部分内容。"),
        _l("请关掉闪光灯，换个角度避开灯光，再重拍。"),
    ),
    R.WRONG_DOCUMENT: Reason(
        _l("证件不对"),
        _l("这不是所要求的证件。"),
        _l("请核对页面上写明的证件种类，换成正确的证件后重新上传。"),
    ),
    R.WRONG_SIDE: Reason(
        _l("面不对"),
        _l("证件拍的是另一面。"),
        _l("请看示例图，翻到所要求的一面后重拍。"),
    ),
    R.EXPIRED: Reason(
        _l("已过期"),
        _l("证件已经过了有效期。"),
        _l("请上传有效期内的证件；正在换领的，请致电主办单位说明情况。"),
    ),
    R.MISMATCH: Reason(
        _l("信息不符"),
        _l("证件上的信息与报名时填写的不一致。"),
        _l("请确认上传的是学员本人的证件；如果是填写有误，请撤回后重新报名，或致电我们。"),
    ),
    R.OBSCURED: Reason(
        _l("有遮挡"),
        _l("证件有一部分被手指、卡套或其他东西遮住。"),
        _l("请取下卡套，手指不要压住文字和照片，再重拍。"),
    ),
    R.OTHER: Reason(
        _l("其他"),
        _l("主办单位需要您重新提交这份材料。"),
        _l("请按主办单位的说明修改后重新上传；有疑问请致电我们。"),
    ),
}


def reason(code: ReasonCode) -> Reason:
    """Return the words of *code*."""
    return REASONS[code]
