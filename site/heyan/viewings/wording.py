"""The states of viewings and of people's keys in words, and the strings of the page that opens."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.releases import wording as releases
from heyan.viewings.models import StaffKeyStatus, ViewingState

K = StaffKeyStatus
V = ViewingState

KEY_STATES: dict[StaffKeyStatus, tuple[Any, str]] = {
    K.PROPOSED: (_l("待证明能打开"), "attention"),
    K.PROVEN: (_l("等待同事当面核对指纹"), "attention"),
    K.CONFIRMED: (_l("指纹已核对，等待在处理机上固定"), "attention"),
    K.PINNED: (_l("正在使用"), "done"),
    K.REJECTED: (_l("没有采用"), "quiet"),
    K.REVOKED: (_l("已停用"), "quiet"),
}
KEY_STEPS: tuple[tuple[StaffKeyStatus, Any], ...] = (
    (K.PROPOSED, _l("生成并提交公钥")),
    (K.PROVEN, _l("证明能打开")),
    (K.CONFIRMED, _l("同事当面核对指纹")),
    (K.PINNED, _l("在处理机上固定，开始使用")),
)
VIEWING_STATES: dict[ViewingState, tuple[Any, str]] = {
    V.ORDERED: (_l("正在制作"), "attention"),
    V.OFFERED: (_l("可以查看"), "done"),
    V.FAILED: (_l("没有制作"), "quiet"),
    V.DESTROYED: (_l("已结束，查看件已销毁"), "quiet"),
}
PROBLEMS: dict[str, Any] = {
    "approval": _l("批准已经结束，或者不是这些记录的批准。需要时请重新申请。"),
    "recipient": _l(
        "您的密钥与处理机上固定的不一致，已停止制作并报警。请联系管理处理机的人，重新核对指纹。"
    ),
    "nothing": _l("申请的记录都打不开或者已经销毁，没有可以查看的内容。"),
}
SUBJECTS: dict[str, Any] = {
    "document": _l("身份证明材料"),
    "recording": _l("通话录音"),
    "export": _l("导出的名单"),
}


def problem_words() -> dict[str, str]:
    """Return a sentence for each `Problem` code, as it reads where one person looks at records."""
    return releases.problem_words() | {
        "key_other": _("这个密钥文件属于另一枚公钥，打不开。请换成页面上写明指纹的那一枚。"),
        "release_unopened": _("密钥打不开这份查看件，它可能不是为这枚密钥制作的。"),
        "manifest_signature": _(
            "清单的签名不对，已停止打开，没有解析任何内容。请马上告诉个人信息保护负责人。"
        ),
        "manifest_other_release": _(
            "网站给出的是另一份清单，已停止打开。请马上告诉个人信息保护负责人。"
        ),
        "manifest_other_recipient": _("这份查看件不是为您这枚密钥制作的。请换成页面上写明的那枚。"),
        "manifest_answer": _(
            "没有取到清单（网站回答 {status}）。批准可能已经结束；也可能要刷新页面，重新验证身份。"
        ),
        "file_answer": _(
            "没有取到文件（网站回答 {status}）。批准可能已经结束；也可能要刷新页面，重新验证身份。"
        ),
        "file_network": _("网络中断，或者批准已经结束，没有取完。请刷新页面再试。"),
        "index_absent": _("文件里没有目录，已停止打开。请告诉个人信息保护负责人。"),
    }


def viewing_words() -> dict[str, str]:
    """Return the strings that the page's script shows."""
    desk = releases.desk_words()
    return {name: desk[name] for name in ("opening_key", "opening_manifest", "percent")} | {
        "file_chosen": desk["file_chosen"],
        "zoom_level": desk["zoom_level"],
        "ready": _("已打开：{count} 项。关掉页面就没有了。"),
        "position": _("第 {at} 项，共 {all} 项"),
        "picture": _("{kind}，已注明查看人"),
        "missing": _("存放的文件找不到了，没有可以查看的内容。"),
        "broken": _("这一项打不开。请告诉个人信息保护负责人。"),
        "gone": _("这一项已经被撤回、替换或销毁，不能再看。"),
        "differs": _("这一项与目录不符，请不要采用，并告诉个人信息保护负责人。"),
        "unplayable": _("这个浏览器放不出这种格式的录音。"),
        "rows": _("共 {count} 行，这里显示前 {shown} 行。"),
        "ended": _("查看已经结束，内容已从这一页清除。"),
    }
