"""The states of releases and keys in the organizer's words, and the desk's own strings."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.releases.models import RecipientStatus, ReleaseState

S = ReleaseState
R = RecipientStatus

RELEASE_STATES: dict[ReleaseState, tuple[Any, str]] = {
    S.CLAIMED: (_l("正在打包"), "quiet"),
    S.OFFERED: (_l("等待下载"), "attention"),
    S.FETCHED: (_l("已下载，待确认"), "attention"),
    S.ACKNOWLEDGED: (_l("已确认，待公布结果"), "attention"),
    S.DECIDED: (_l("结果已公布"), "done"),
    S.DESTROYED: (_l("本站文件已销毁"), "quiet"),
    S.FAILED: (_l("打包失败，会重新打包"), "quiet"),
}
RECIPIENT_STATES: dict[RecipientStatus, tuple[Any, str]] = {
    R.PROPOSED: (_l("待证明能打开"), "attention"),
    R.PROVEN: (_l("等待电话核对指纹"), "attention"),
    R.CONFIRMED: (_l("指纹已核对，等待第二人批准"), "attention"),
    R.APPROVED: (_l("已批准，等待写入打包程序"), "attention"),
    R.PINNED: (_l("正在使用"), "done"),
    R.REJECTED: (_l("没有采用"), "quiet"),
    R.REVOKED: (_l("已停用"), "quiet"),
}
PURPOSES = {"primary": _l("日常密钥"), "recovery": _l("备用密钥")}
# The way of a key, in order; the page draws it as steps.
KEY_STEPS: tuple[tuple[RecipientStatus, Any], ...] = (
    (R.PROPOSED, _l("生成并提交公钥")),
    (R.PROVEN, _l("证明能打开")),
    (R.CONFIRMED, _l("电话核对指纹")),
    (R.APPROVED, _l("第二人批准")),
    (R.PINNED, _l("写入打包程序，开始使用")),
)


def problem_words() -> dict[str, str]:
    """Return a sentence for each `Problem` code of static/js/organizer."""
    return {
        "identity_malformed": _(
            "这不是密钥文件。请选择生成密钥时下载的、以 .age-identity.txt 结尾的文件。"
        ),
        "passphrase_wrong": _("口令不对，或者密钥文件不完整。请检查单词的拼写和空格，再试一次。"),
        "passphrase_short": _("口令至少 16 个字符。建议直接用推荐的六个单词。"),
        "passphrase_simple": _("口令里重复的字符太多，请换一个。"),
        "passphrase_differs": _("两次输入的口令不一样，请重新输入。"),
        "challenge_unopened": _("这个密钥文件打不开验证内容。请选择与这枚公钥对应的密钥文件。"),
        "file_missing": _("请先选择密钥文件。"),
        "key_other": _(
            "这个密钥文件属于另一枚公钥，打不开这一批。请换成批次页面上写明指纹的那一枚。"
        ),
        "release_unopened": _("密钥打不开这一批，文件可能不是为这枚密钥制作的。"),
        "manifest_answer": _("没有取到清单（网站回答 {status}）。请刷新页面，重新登录后再试。"),
        "manifest_malformed": _("清单的格式不对，已停止打开。请致电我们。"),
        "manifest_signature": _(
            "清单的签名不对，已停止打开，没有解析任何内容。请不要使用这一批，马上致电我们。"
        ),
        "manifest_format": _("清单的版本不认识，已停止打开。请刷新页面再试。"),
        "manifest_other_release": _("网站给出的是另一批的清单，已停止打开。请马上致电我们。"),
        "manifest_other_recipient": _("这一批不是为您这枚密钥制作的。请换成清单写明的那一枚。"),
        "file_answer": _("没有取到批次文件（网站回答 {status}）。请刷新页面，重新登录后再试。"),
        "file_range": _("网站没有从中断处继续，请刷新页面再试。"),
        "file_network": _("网络中断，多次重试仍未成功。请检查网络后再试，已经做的核验还在。"),
        "segment": _(
            "第 {number} 段（共 {all} 段）与清单不符，文件被换过或损坏，已停止打开，没有解"
            "析任何内容。请马上致电我们。"
        ),
        "zip_short": _("文件不完整，已停止打开。请刷新页面再试；仍然如此，请致电我们。"),
        "zip_malformed": _("文件内部的结构不对，已停止打开。请致电我们。"),
        "index_absent": _("文件里没有名册，已停止打开。请致电我们。"),
        "index_digest": _("名册与清单不符，已停止打开。请马上致电我们。"),
        "index_signature": _("名册的签名不对，已停止打开。请马上致电我们。"),
        "unexpected": _("出了意外，没有打开。请刷新页面再试；仍然如此，请换一个浏览器或致电我们。"),
    }


def desk_words() -> dict[str, str]:
    """Return the strings that the desk's script shows."""
    return {
        "opening_key": _("正在用口令打开密钥，大约需要几秒……"),
        "opening_manifest": _("正在核对清单的签名……"),
        "percent": _("已取回并核对 {percent}%（{done} / {all}）"),
        "ready": _("已打开：{registrations} 人，{documents} 份材料。"),
        "position": _("第 {at} 份，共 {all} 份"),
        "progress": _("通过 {accepted} · 退回 {returned} · 其余 {rest}"),
        "state_open": _("未核验"),
        "state_accepted": _("通过"),
        "state_returned": _("退回"),
        "state_missing": _("缺少"),
        "state_broken": _("损坏"),
        "state_published": _("已公布"),
        "saved": _("全部已保存"),
        "saving": _("正在保存……"),
        "unsaved": _("有 {count} 项还没有保存，正在重试"),
        "save_login": _(
            "登录已经结束，有 {count} 项还没有保存。请在新标签页重新登录，再点“重试保存”；"
            "这一页不要关闭。"
        ),
        "refused": _("有 {count} 项没有保存：材料已被替换、撤回或已经公布。"),
        "nothing_undo": _("没有可以撤销的操作。"),
        "undone": _("已撤销：{name}。"),
        "accepted_said": _("已通过：{name}。"),
        "returned_said": _("已退回：{name}，{reason}。"),
        "locked": _("这一份的结果已经公布，不能再改。"),
        "no_picture": _("这一份没有图片：{why}。"),
        "why_missing": _("学员没有交这一份"),
        "why_broken": _("这一份在制作时打不开，我们会联系学员重新提交"),
        "why_absent": _("批次文件里没有这张图片"),
        "why_digest": _("图片与名册不符，请不要采用"),
        "picture_of": _("{name} 的{kind}"),
        "number": _("报名号"),
        "name": _("姓名"),
        "birth_date": _("出生日期"),
        "id_number": _("证件号"),
        "kind": _("材料"),
        "warnings": _("提醒"),
        "blurred": _("上传时提示过可能模糊"),
        "small": _("上传时提示过像素偏少"),
        "dark": _("上传时提示过偏暗"),
        "reason_needed": _("请选择原因；选“其他”时请写明要学员怎么做。"),
        "publish_none": _("还没有可以公布的结果。"),
        "publish_summary": _(
            "将公布 {accepted} 份通过、{returned} 份退回，还有 {rest} 份未核验（以后再公布"
            "）。公布后学员马上能看到，不能再改。"
        ),
        "published_done": _("已公布：通过 {accepted} 份，退回 {returned} 份。"),
        "published_stale": _("另有 {count} 份在公布前被替换或撤回，没有公布。"),
        "publish_failed": _("没有公布成功，请稍后再试；您的核验结果还在。"),
        "acknowledge_failed": _(
            "内容已核对，但没能把“已确认”记到网站上；公布前请刷新页面再打开一次。"
        ),
        "leave": _("还有没保存的核验结果。"),
        "file_chosen": _("已选择：{name}"),
        "zoom_level": _("缩放 {percent}%"),
    }
