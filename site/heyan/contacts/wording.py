"""The log's words: channels, kinds, states, outcomes, and what a refused recording is told."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan.contacts.models import (
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactOutcome,
    ContactState,
    RecordingConsent,
)
from heyan.contacts.reading import View

CHANNELS: dict[ContactChannel, Any] = {
    ContactChannel.CALL: _l("电话"),
    ContactChannel.CHAT: _l("在线聊天"),
    ContactChannel.VISIT: _l("来访"),
    ContactChannel.LETTER: _l("信函"),
    ContactChannel.EMAIL: _l("电子邮件"),
}
DIRECTIONS: dict[ContactDirection, Any] = {
    ContactDirection.INCOMING: _l("对方联系我们"),
    ContactDirection.OUTGOING: _l("我们联系对方"),
}
KINDS: dict[ContactKind, Any] = {
    ContactKind.ENQUIRY: _l("咨询"),
    ContactKind.OPINION: _l("意见或建议"),
    ContactKind.COMPLAINT: _l("投诉"),
    ContactKind.DISPUTE: _l("纠纷"),
}
STATES: dict[ContactState, Any] = {
    ContactState.OPEN: _l("处理中"),
    ContactState.WAITING: _l("等待答复"),
    ContactState.CLOSED: _l("已办结"),
}
OUTCOMES: dict[ContactOutcome, Any] = {
    ContactOutcome.ANSWERED: _l("已答复"),
    ContactOutcome.RESOLVED: _l("问题已解决"),
    ContactOutcome.AGREED: _l("已达成一致"),
    ContactOutcome.REFUSED: _l("说明理由后未予同意"),
    ContactOutcome.PASSED_ON: _l("已转交主办单位或主管部门"),
    ContactOutcome.NO_ANSWER: _l("多次联系，对方没有回应"),
}
CONSENTS: dict[RecordingConsent, Any] = {
    RecordingConsent.NOT_ASKED: _l("没有录音，也没有询问"),
    RecordingConsent.GIVEN: _l("对方同意录音"),
    RecordingConsent.REFUSED: _l("对方拒绝录音，已在不录音的情况下服务"),
}
WAYS: dict[str, Any] = {
    "announcement": _l("接通时语音告知后，对方继续通话并确认"),
    "spoken": _l("通话中口头同意"),
    "written": _l("书面同意"),
}
VIEWS: dict[View, Any] = {
    View.LIVE: _l("全部未办结"),
    View.MINE: _l("由我跟进"),
    View.DUE: _l("一天内到期"),
    View.OVERDUE: _l("已超时"),
    View.DISPUTES: _l("纠纷"),
    View.CALL: _l("现在可拨打"),
    View.CLOSED: _l("已办结"),
}
REASONS: dict[str, Any] = {
    "handle": _l("处理这件事"),
    "call": _l("给对方打电话"),
    "correct": _l("核对或更正记录"),
    "complaint": _l("处理投诉或纠纷"),
}


def not_agreed(consent: RecordingConsent) -> str:
    """Say why no recording is taken, and what stands in the log instead."""
    if consent is RecordingConsent.REFUSED:
        return str(_("对方拒绝录音，不能附加录音；记录里已写明是在不录音的情况下服务的。"))
    return str(_("还没有记录对方是否同意录音。请先在下面记录对方的意思，再附加录音。"))


def not_sound() -> str:
    """Say which kinds of recording are taken."""
    return str(_("这个文件不是录音。请选择 MP3、M4A、WAV、AMR 或 OGG 格式的录音文件。"))


def too_long(limit: int) -> str:
    """Say how large a recording may be; *limit* in bytes."""
    size = limit // (1024 * 1024)
    return str(_("录音超过了 %(size)s MB 的上限，请分段保存后再附加。", size=size))
