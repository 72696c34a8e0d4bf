"""The words of requests: kinds, states, grounds, effects, and where to go when refused."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.consent.purposes import (
    ACCOUNT,
    CALL_RECORDING,
    GUARDIAN,
    HAND_OVER,
    IDENTITY_DOCUMENTS,
    LEAD_CALLBACK,
)
from heyan.rights.models import (
    DeletionGround,
    PartyNews,
    RefusalGround,
    RightsChannel,
    RightsCheck,
    RightsKind,
    RightsState,
)

KINDS: dict[RightsKind, Any] = {
    RightsKind.ACCESS: _l("要一份副本"),
    RightsKind.CORRECT: _l("更正"),
    RightsKind.WITHDRAW: _l("撤回同意"),
    RightsKind.DELETE: _l("删除"),
    RightsKind.CLOSE: _l("注销账号"),
    RightsKind.EXPLAIN: _l("请求解释处理规则或协议条款"),
    RightsKind.COMPLAINT: _l("投诉、举报"),
    RightsKind.NEXT_OF_KIN: _l("近亲属为逝者提出的请求"),
}
PHONE_IS_SLOW = _l(
    "已核对。另一位同事确认之后再过 72 小时换成新号码；在此之前，您可以在“账号变更”里停止。"
)
CHANNELS: dict[RightsChannel, Any] = {
    RightsChannel.WEB: _l("网站"),
    RightsChannel.PHONE: _l("电话"),
    RightsChannel.LETTER: _l("信函"),
    RightsChannel.VISIT: _l("上门"),
}
STATES: dict[RightsState, Any] = {
    RightsState.OPEN: _l("办理中"),
    RightsState.REFUSING: _l("拟不予办理，等第二人确认"),
    RightsState.DONE: _l("已办结"),
    RightsState.REFUSED: _l("不予办理"),
}
# What the person reads of a refusal that nobody confirmed yet: it is still being worked on.
OWN_STATES = {**STATES, RightsState.REFUSING: _l("办理中")}
CHECKS: dict[RightsCheck, Any] = {
    RightsCheck.SIGNED_IN: _l("本人登录后提出"),
    RightsCheck.CALLED_BACK: _l("回拨账号登记的手机号核对"),
    RightsCheck.MET: _l("当面看过证件原件（不复印、不留存）"),
    RightsCheck.NOT_NEEDED: _l("不涉及个人信息，无需核对"),
}
GROUNDS: dict[DeletionGround, Any] = {
    DeletionGround.NO_LONGER_NEEDED: _l("目的已经实现，或者不再需要"),
    DeletionGround.CONSENT_WITHDRAWN: _l("我撤回同意"),
    DeletionGround.SERVICE_OVER: _l("我不再使用这项服务，或者保存期限已满"),
    DeletionGround.UNLAWFUL: _l("我认为处理违反了法律或者与我的约定"),
    DeletionGround.OTHER: _l("其他原因"),
}
# The seven cases of the policy, word for word (S-071).
REFUSALS: dict[RefusalGround, Any] = {
    RefusalGround.LEGAL_DUTY: _l("（1）与个人信息控制者履行法律法规规定的义务相关的"),
    RefusalGround.NATIONAL_SECURITY: _l("（2）与国家安全、国防安全直接相关的"),
    RefusalGround.PUBLIC_INTEREST: _l("（3）与公共安全、公共卫生、重大公共利益直接相关的"),
    RefusalGround.CRIMINAL_JUSTICE: _l("（4）与刑事侦查、起诉、审判和执行判决等直接相关的"),
    RefusalGround.ABUSE_OR_VITAL_INTEREST: _l(
        "（5）个人信息控制者有充分证据表明个人信息主体存在主观恶意或滥用权利的；"
        "出于维护个人信息主体或其他个人的生命、财产等重大合法权益但又很难得到本人同意的"
    ),
    RefusalGround.HARM_TO_OTHERS: _l(
        "（6）响应个人信息主体的请求将导致个人信息主体或其他个人、组织的合法权益受到严重损害的"
    ),
    RefusalGround.TRADE_SECRET: _l("（7）涉及商业秘密的"),
}
NEWS: dict[PartyNews, Any] = {
    PartyNews.WITHDRAWN: _l("撤回了同意，请停止核验并销毁这个人的全部材料"),
    PartyNews.CORRECTED: _l("更正了登记的信息，请以网站上的新信息为准"),
}
PURPOSES: dict[str, Any] = {
    LEAD_CALLBACK: _l("给我回电"),
    ACCOUNT: _l("开立并使用账号"),
    IDENTITY_DOCUMENTS: _l("处理身份认证材料"),
    HAND_OVER: _l("把材料交给主办单位核验"),
    GUARDIAN: _l("处理未满十四周岁学员的信息"),
    CALL_RECORDING: _l("通话录音"),
}
SUBJECTS: dict[str, Any] = {
    "account_name": _l("账号的称呼"),
    "account_phone": _l("账号的手机号"),
    "student_name": _l("学员姓名"),
    "student_birth_date": _l("学员出生日期"),
}


def remedy() -> str:
    """Return where one may go who does not accept a refusal (PIPL 50, 65)."""
    return str(
        _(
            "您不接受这个决定的，可以联系我们的个人信息保护负责人复核，可以向网信部门等"
            "履行个人信息保护职责的部门投诉、举报，也可以依法向人民法院提起诉讼"
            "（个人信息保护法第五十条、第六十五条）。"
        )
    )


def title(request: Any) -> str:
    """Return a request's heading: what is asked, and of what."""
    words = str(KINDS[request.kind])
    about = SUBJECTS.get(request.subject or "") or PURPOSES.get(request.subject or "")
    return f"{words}：{about}" if about else words
