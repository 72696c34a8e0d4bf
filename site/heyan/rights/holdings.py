"""Everything held about an account and its students, part by part, for the page and the copy.

Each part belongs to a category of the registry, which says purpose, basis, recipients and period.
The page reads all parts as the web; for a copy the web reads the parts that the worker's role may
not read, and the worker the rest. A test fails when a category of the registry has no part here.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from heyan.classification import mask_name, mask_phone
from heyan.rights import guardians_held, reading_held
from heyan.rights.reading_held import Rows

Value = str | int | bool | None
# No part is longer than this on the page; the copy holds all.
ON_PAGE = 20


@dataclass(frozen=True)
class Part:
    """One table of what is held. ``by_worker``: whether the worker's role may read it.

    ``masked`` names the columns that the page shows in part only.
    """

    key: str
    category: str
    label: Any
    columns: tuple[tuple[str, Any], ...]
    read: Callable[[Session, uuid.UUID], Rows]
    by_worker: bool = True
    masked: tuple[str, ...] = ()


def plain(value: Any) -> Value:
    """Return a value as JSON holds it."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)


_AT, _NUMBER = _l("时间"), _l("报名号")
_SOURCE, _BROWSER = _l("IP 地址"), _l("浏览器标识")
_STATE, _CREATED = _l("状态"), _l("建立时间")
_DOCUMENT, _EVENT, _ORGANIZER = _l("材料编号"), _l("项目"), _l("主办单位")

PARTS: tuple[Part, ...] = (
    Part(
        "account", "account.contact", _l("账号"),
        (("login", _l("手机号")), ("name", _l("称呼")), ("created_at", _CREATED),
         ("last_seen_at", _l("最近使用")), ("password_changed_at", _l("密码修改于")),
         ("status", _STATE)),
        reading_held.account, by_worker=False, masked=("login",),
    ),
    Part(
        "credentials", "account.credentials", _l("登录凭据（只列有无，内容是不可逆的摘要）"),
        (("kind", _l("种类")), ("usable", _l("可用")), ("at", _AT)),
        reading_held.credentials, by_worker=False,
    ),
    Part(
        "reaches", "account.contact", _l("通知地址"),
        (("channel", _l("方式")), ("address", _l("地址")), ("verified_at", _l("验证于"))),
        reading_held.reaches, masked=("address",),
    ),
    Part(
        "messages", "message.body", _l("发出的短信和邮件"),
        (("channel", _l("方式")), ("kind", _l("种类")), ("address", _l("地址")),
         ("state", _STATE), ("created_at", _CREATED), ("ended_at", _l("结束"))),
        reading_held.messages, masked=("address",),
    ),
    Part(
        "sign_ins", "security_log", _l("登录记录"),
        (("at", _AT), ("outcome", _l("结果")), ("new_device", _l("新设备")),
         ("source", _SOURCE), ("user_agent", _BROWSER)),
        reading_held.sign_ins,
    ),
    Part(
        "sessions", "security_log", _l("登录会话"),
        (("created_at", _l("开始")), ("last_seen_at", _l("最近使用")),
         ("revoked_at", _l("结束")), ("source", _SOURCE), ("user_agent", _BROWSER)),
        reading_held.sessions,
    ),
    Part(
        "devices", "security_log", _l("信任的设备"),
        (("created_at", _CREATED), ("expires_at", _l("到期")), ("revoked_at", _l("取消于"))),
        reading_held.devices,
    ),
    Part(
        "students", "student.profile", _l("学员"),
        (("name", _l("姓名")), ("birth_date", _l("出生日期")), ("relation", _l("关系")),
         ("created_at", _CREATED), ("unbound_at", _l("解除绑定"))),
        reading_held.students, masked=("birth_date",),
    ),
    Part(
        "guardianships", "student.profile", _l("共同监护的绑定"),
        (("role", _l("您是")), ("bound_at", _l("绑定于")), ("disputed", _l("已冻结")),
         ("ended_at", _l("结束"))),
        guardians_held.guardianships,
    ),
    Part(
        "registrations", "registration.answers", _l("报名"),
        (("number", _NUMBER), ("event", _EVENT), ("organizer", _ORGANIZER),
         ("student", _l("学员")), ("status", _STATE), ("created_at", _CREATED),
         ("submitted_at", _l("提交于")), ("withdrawn_at", _l("撤回于"))),
        reading_held.registrations,
    ),
    Part(
        "answers", "registration.answers", _l("报名时填写的内容"),
        (("number", _NUMBER), ("event", _EVENT), ("question", _l("问题")),
         ("answer", _l("您的填写"))),
        reading_held.answers,
    ),
    Part(
        "id_number_tails", "identity.number_tail", _l("证件号码后四位"),
        (("number", _NUMBER), ("event", _EVENT), ("tail", _l("后四位")),
         ("ciphertext_sha256", _l("密文 SHA-256"))),
        reading_held.numbers,
    ),
    Part(
        "id_numbers", "identity.number", _l("封存的证件号码（本网站打不开，这里只列有哪些）"),
        (("number", _NUMBER), ("event", _EVENT), ("ciphertext_sha256", _l("密文 SHA-256"))),
        lambda session, account_id: (
            (number, event, digest)
            for number, event, _tail, digest in reading_held.numbers(session, account_id)
        ),
    ),
    Part(
        "documents", "identity.document", _l("封存的材料（本网站打不开，这里只列有哪些）"),
        (("number", _NUMBER), ("kind", _l("种类")), ("state", _STATE),
         ("received_at", _l("收到")), ("pages", _l("页数")), ("bytes", _l("大小（字节）")),
         ("ciphertext_sha256", _l("密文 SHA-256")), ("destroy_by", _l("最迟销毁")),
         ("destroyed_at", _l("已销毁")), ("document", _DOCUMENT)),
        reading_held.pictures,
    ),
    Part(
        "custody", "decision", _l("材料流转与凭证"),
        (("document", _DOCUMENT), ("step", _l("步骤")), ("at", _AT),
         ("policy_version", _l("政策版本")), ("receipt", _l("签名凭证"))),
        reading_held.custody,
    ),
    Part(
        "decisions", "decision", _l("核验结果"),
        (("document", _DOCUMENT), ("outcome", _l("结果")), ("reason", _l("原因")),
         ("text", _l("说明")), ("published_at", _l("公布"))),
        reading_held.decisions,
    ),
    Part(
        "disclosures", "decision", _l("交给了谁"),
        (("document", _DOCUMENT), ("organizer", _ORGANIZER), ("contact", _l("联系方式")),
         ("event", _EVENT), ("batch", _l("批次")), ("offered_at", _l("备好")),
         ("fetched_at", _l("取走")), ("acknowledged_at", _l("确认收到")),
         ("destroyed_at", _l("本站销毁")), ("holder_destroyed_at", _l("对方销毁"))),
        reading_held.disclosures,
    ),
    Part(
        "told", "rights.request", _l("通知过哪些接收方"),
        (("organizer", _ORGANIZER), ("contact", _l("联系方式")), ("news", _l("通知内容")),
         ("told_at", _l("通知于")), ("confirmed_at", _l("对方确认"))),
        reading_held.told,
    ),
    Part(
        "consents", "consent", _l("同意与撤回"),
        (("purpose", _l("目的")), ("granted", _l("同意")), ("at", _AT),
         ("policy_version", _l("政策版本")), ("text", _l("当时的文字")), ("source", _SOURCE),
         ("user_agent", _BROWSER)),
        reading_held.consents,
    ),
    Part(
        "guardians", "consent.guardian", _l("监护人同意"),
        (("at", _AT), ("guardian", _l("监护人"))),
        reading_held.guardians, masked=("guardian",),
    ),
    Part(
        "notices", "account.contact", _l("站内通知"),
        (("kind", _l("种类")), ("at", _AT), ("read_at", _l("已读"))),
        reading_held.notices,
    ),
    Part(
        "audit", "audit", _l("操作记录"),
        (("at", _AT), ("actor", _l("谁")), ("action", _l("操作")), ("outcome", _l("结果")),
         ("subject", _l("对象"))),
        reading_held.audit,
    ),
    Part(
        "flags", "safety.flag", _l("风险提示"),
        (("at", _AT), ("kind", _l("种类")), ("state", _STATE), ("number", _NUMBER),
         ("decided_at", _l("判断于")), ("held_at", _l("暂缓转交，自"))),
        reading_held.flags,
    ),
    Part(
        "contacts", "contact.log", _l("通话与交流记录"),
        (("at", _AT), ("channel", _l("方式")), ("kind", _l("种类")), ("state", _STATE),
         ("name", _l("称呼")), ("phone", _l("电话")), ("note", _l("内容")),
         ("outcome", _l("结果")), ("outcome_note", _l("处理说明"))),
        reading_held.contacts, by_worker=False, masked=("phone",),
    ),
    Part(
        "recordings", "contact.recording", _l("通话录音（封存，这里只列有哪些）"),
        (("received_at", _l("收到")), ("bytes", _l("大小（字节）")), ("state", _STATE),
         ("destroy_by", _l("最迟销毁")), ("destroyed_at", _l("已销毁"))),
        reading_held.recordings, by_worker=False,
    ),
    Part(
        "leads", "lead.contact", _l("回电登记"),
        (("created_at", _l("登记于")), ("name", _l("称呼")), ("phone", _l("手机号")),
         ("call_time", _l("方便时间")), ("status", _STATE), ("delete_after", _l("最迟删除"))),
        reading_held.leads, masked=("phone",),
    ),
    Part(
        "requests", "rights.request", _l("您提出过的请求"),
        (("number", _l("编号")), ("kind", _l("种类")), ("channel", _l("途径")),
         ("state", _STATE), ("received_at", _l("收到")), ("due_at", _l("最迟答复")),
         ("closed_at", _l("办结")), ("words", _l("内容")), ("answer", _l("答复"))),
        reading_held.requests, by_worker=False,
    ),
    Part(
        "proofs", "rights.proof", _l("核对身份的记录（办结即删除）"),
        (("number", _l("编号")), ("check", _l("方式")), ("at", _AT)),
        reading_held.proofs, by_worker=False,
    ),
    Part(
        "copies", "rights.copy", _l("您要过的副本"),
        (("ordered_at", _l("提出")), ("state", _STATE), ("fetched_at", _l("下载于")),
         ("expires_at", _l("链接到期"))),
        reading_held.copies,
    ),
)  # fmt: skip


def rows_of(session: Session, account_id: uuid.UUID, part: Part) -> list[list[Value]]:
    """Return a part's rows as the copy holds them, in the order of its columns."""
    return [[plain(value) for value in row] for row in part.read(session, account_id)]


def read(session: Session, account_id: uuid.UUID, *, by_worker: bool) -> dict[str, Any]:
    """Return the rows of the parts that the worker may read, or of those it may not."""
    return {
        part.key: rows_of(session, account_id, part)
        for part in PARTS
        if part.by_worker is by_worker
    }


def masked(part: Part, column: str, value: Any) -> Any:
    """Return a value as the page shows it: others may look over the person's shoulder."""
    if column not in part.masked or not value:
        return value
    if column in ("login", "phone"):
        return mask_phone(str(value))
    if column == "address":
        text = str(value)
        return f"{text[:2]}＊＊＊@{text.rpartition('@')[2]}" if "@" in text else mask_phone(text)
    if column == "birth_date":
        return f"{str(value)[:4]}-＊＊-＊＊"
    return mask_name(str(value)[-1:]) if column == "guardian" else value
