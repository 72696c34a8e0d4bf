"""What became of each message, for staff: never what it said, and to whom only masked."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext as _l

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.notifications import delivery
from heyan.notifications.models import MessageDelivery, MessageState

pages = Blueprint("staff_messages", __name__, url_prefix="/staff/messages")

STATES = {
    MessageState.QUEUED: _l("等着发出"),
    MessageState.SENDING: _l("正在发"),
    MessageState.SENT: _l("已发出"),
    MessageState.FAILED: _l("发不出去，已停下"),
    MessageState.UNSENT: _l("没有发"),
}
REASONS = {
    "no_provider": _l("没有配置这个渠道"),
    "too_late": _l("已经过了有效时间"),
    "budget": _l("发送次数到了上限，稍后再发"),
    "not_composed": _l("内容拼不出来"),
    "broken": _l("发送程序出错"),
    "unknown": _l("中断过两次，不知道是否发出"),
    "server_away": _l("服务器连不上"),
    "tls_unverified": _l("服务器证书没有通过核对，没有发出；请核对 MESSAGE_CA_FILE 和服务器证书"),
    "no_tls": _l("服务器不提供加密连接（STARTTLS），没有发出，稍后再试"),
    "sign_in_refused": _l("服务器不接受我们的账号"),
    "address_refused": _l("对方服务器不接受这个地址"),
    "refused": _l("对方服务器拒绝"),
    "not_supported": _l("对方服务器不支持这个地址"),
    "no_address": _l("地址不成立"),
    "no_template": _l("没有批准过的短信模板"),
    "provider_busy": _l("短信服务商暂时不接受"),
    "provider_refused": _l("短信服务商拒绝"),
}
# Only SMS providers say what became of a message; a mail server does not.
DELIVERIES = {
    MessageDelivery.AWAITED: _l("等待运营商回执"),
    MessageDelivery.DELIVERED: _l("已送达"),
    MessageDelivery.FAILED: _l("没有送达"),
    MessageDelivery.UNKNOWN: _l("三天内没有回执"),
}
CHANNELS = {"email": _l("邮件"), "sms": _l("短信")}


@pages.get("")
@requires(Permission.MESSAGES_SEE)
def index() -> str:
    """Show messages, the newest first, by state."""
    chosen = request.args.get("state", "")
    state = next((each for each in MessageState if each.value == chosen), None)
    undelivered = chosen == "undelivered"
    found = delivery.page(web.reading(), state, paging.after_id(), undelivered=undelivered)
    rows, next_url = paging.page_of(found, delivery.PAGE, lambda line: line.id)
    web.shows("messages.listed", "message", ids=[line.id for line in rows])
    return render_template(
        "notifications/messages.html",
        rows=rows,
        next_url=next_url,
        state=state,
        states=STATES,
        undelivered=undelivered,
        deliveries=DELIVERIES,
        reasons=REASONS,
        channels=CHANNELS,
        breaker=delivery.breaker(web.reading(), web.settings()),
        off=[name for name in CHANNELS if name not in web.settings().channels],
    )
