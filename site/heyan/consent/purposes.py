"""Purposes as data (A6): what may be asked, in which words, and which consents stand apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan.classification import REGISTRY


@dataclass(frozen=True)
class Purpose:
    """One purpose. ``separate`` means a consent of its own (单独同意, PIPL 29, 23, 31)."""

    key: str
    text: Any
    separate: bool
    needed_for: Any


LEAD_CALLBACK = "lead_callback"
ACCOUNT = "account"
IDENTITY_DOCUMENTS = "identity_documents"
HAND_OVER = "hand_over"
GUARDIAN = "guardian"
CALL_RECORDING = "call_recording"
ANALYTICS = "analytics"

PURPOSES: dict[str, Purpose] = {
    purpose.key: purpose
    for purpose in (
        Purpose(
            LEAD_CALLBACK,
            _l(
                "同意使用姓名和手机号给我回电，%(days)s 天后删除。",
                days=REGISTRY["lead.contact"].days,
            ),
            False,
            _l("不同意则无法给您回电，浏览网站不受影响。"),
        ),
        Purpose(
            ACCOUNT,
            _l("同意按个人信息保护政策开立并使用账号。"),
            False,
            _l("不同意则无法开立账号，浏览网站和拨打咨询电话不受影响。"),
        ),
        Purpose(
            IDENTITY_DOCUMENTS,
            _l(
                "单独同意处理身份认证材料（敏感个人信息）：上传时加注用途并封存，"
                "只用于核验身份；如果泄露，可能被人冒用身份。"
            ),
            True,
            _l("不同意则无法上传证件，本次报名不能提交。"),
        ),
        Purpose(
            HAND_OVER,
            _l("单独同意把身份认证材料交给主办单位核验。"),
            True,
            _l("不同意则主办单位无法核验，本次报名不能提交。"),
        ),
        Purpose(
            GUARDIAN,
            _l("我是学员的监护人，同意处理这名未满十四周岁学员的个人信息。"),
            True,
            _l("没有监护人同意，不能为未满十四周岁的学员报名。"),
        ),
        Purpose(
            ANALYTICS,
            _l(
                "同意统计我看了哪些页面、点了哪些按钮，连同设备型号、操作系统和网络所在的网段，"
                "只用来改进网站，最多保存 %(days)s 天。",
                days=REGISTRY["usage"].days,
            ),
            True,
            _l("不同意不影响任何功能。"),
        ),
        Purpose(
            CALL_RECORDING,
            _l(
                "单独同意对本次通话录音：只用于处理您反映的问题，封存保管，"
                "经批准的人才能收听，%(days)s 天后销毁；涉及纠纷的，保存到办结后 3 年。",
                days=REGISTRY["contact.recording"].days,
            ),
            True,
            _l("不同意也照常为您办理，只是不录音。"),
        ),
    )
}
