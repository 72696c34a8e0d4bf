"""Everything held about an account and its students, part by part, for the page and the copy.

Each part belongs to a category of the registry, which says purpose, basis, recipients and period.
The page reads all parts as the web; for a copy the web reads the parts that the worker's role may
not read, and the worker the rest. A test fails when a category of the registry has no part here.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session

from heyan.accounts.models import (
    Account,
    LoginSession,
    RecoveryCode,
    SignIn,
    TotpFactor,
    TrustedDevice,
)
from heyan.audit.models import AuditEntry
from heyan.classification import mask_name, mask_phone
from heyan.consent.models import ConsentRecord
from heyan.contacts.models import Contact, Recording
from heyan.decisions.models import Decision
from heyan.documents.models import CustodyEvent, CustodyReceipt, Document
from heyan.events.models import Event, EventField
from heyan.leads.models import Lead
from heyan.notifications.models import Notice
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration, RegistrationAnswer
from heyan.releases.models import Release, ReleaseItem
from heyan.rights.models import AccessCopy, RightsParty, RightsRequest
from heyan.students.models import Student

Value = str | int | bool | None
Rows = Iterable[Sequence[Any]]
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


def _own(account_id: uuid.UUID) -> Any:
    return select(Registration.id).where(Registration.account_id == account_id)


def _documents(account_id: uuid.UUID) -> Any:
    return select(Document.id).where(Document.registration_id.in_(_own(account_id)))


def _account(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Account.login, Account.name, Account.created_at, Account.last_seen_at,
            Account.password_changed_at, Account.status,
        ).where(Account.id == account_id)
    )  # fmt: skip


def _credentials(session: Session, account_id: uuid.UUID) -> Iterator[tuple[Any, ...]]:
    password = session.scalar(select(Account.password_hash).where(Account.id == account_id))
    yield ("password", bool(password), None)
    for row in session.execute(
        select(TotpFactor.confirmed_at).where(TotpFactor.account_id == account_id)
    ):
        yield ("totp", True, row[0])
    for row in session.execute(
        select(RecoveryCode.used_at).where(RecoveryCode.account_id == account_id)
    ):
        yield ("recovery_code", row[0] is None, row[0])


def _sign_ins(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(SignIn.at, SignIn.outcome, SignIn.new_device, SignIn.source, SignIn.user_agent)
        .where(SignIn.account_id == account_id)
        .order_by(SignIn.at.desc())
    )


def _sessions(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            LoginSession.created_at, LoginSession.last_seen_at, LoginSession.revoked_at,
            LoginSession.source, LoginSession.user_agent,
        )
        .where(LoginSession.account_id == account_id)
        .order_by(LoginSession.created_at.desc())
    )  # fmt: skip


def _devices(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(TrustedDevice.created_at, TrustedDevice.expires_at, TrustedDevice.revoked_at)
        .where(TrustedDevice.account_id == account_id)
        .order_by(TrustedDevice.created_at.desc())
    )


def _students(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Student.name, Student.birth_date, Student.relation, Student.created_at,
            Student.unbound_at,
        )
        .where(Student.account_id == account_id)
        .order_by(Student.created_at)
    )  # fmt: skip


def _registrations(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Registration.number, Event.title, Organization.name, Student.name,
            Registration.status, Registration.created_at, Registration.submitted_at,
            Registration.withdrawn_at,
        )
        .join(Event, Event.id == Registration.event_id)
        .join(Organization, Organization.id == Event.organization_id)
        .join(Student, Student.id == Registration.student_id)
        .where(Registration.account_id == account_id)
        .order_by(Registration.created_at.desc())
    )  # fmt: skip


def _answers(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(Registration.number, Event.title, EventField.label, RegistrationAnswer.value)
        .join(Registration, Registration.id == RegistrationAnswer.registration_id)
        .join(Event, Event.id == Registration.event_id)
        .outerjoin(
            EventField,
            (EventField.event_id == Event.id) & (EventField.key == RegistrationAnswer.field_key),
        )
        .where(Registration.account_id == account_id)
        .order_by(Registration.created_at.desc(), EventField.position)
    )


def _numbers(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Registration.number, Event.title, Registration.id_number_tail,
            Registration.id_number_sha256,
        )
        .join(Event, Event.id == Registration.event_id)
        .where(
            Registration.account_id == account_id, Registration.id_number_sealed.is_not(None)
        )
        .order_by(Registration.created_at.desc())
    )  # fmt: skip


def _pictures(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Registration.number, Document.kind, Document.state, Document.received_at,
            Document.pages, Document.picture_bytes, Document.ciphertext_sha256,
            Document.destroy_due_at, Document.destroyed_at, cast(Document.id, String),
        )
        .join(Registration, Registration.id == Document.registration_id)
        .where(Registration.account_id == account_id)
        .order_by(Document.received_at.desc())
    )  # fmt: skip


def _custody(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            cast(CustodyEvent.document_id, String), CustodyEvent.step, CustodyEvent.at,
            CustodyEvent.policy_version, CustodyReceipt.envelope,
        )
        .outerjoin(CustodyReceipt, CustodyReceipt.custody_event_id == CustodyEvent.id)
        .where(CustodyEvent.document_id.in_(_documents(account_id)))
        .order_by(CustodyEvent.at)
    )  # fmt: skip


def _decisions(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            cast(Decision.document_id, String), Decision.outcome, Decision.reason_code,
            Decision.reason_text, Decision.published_at,
        )
        .where(Decision.document_id.in_(_documents(account_id)))
        .order_by(Decision.published_at.desc())
    )  # fmt: skip


def _disclosures(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            cast(ReleaseItem.document_id, String), Organization.name, Organization.contact,
            Event.title, Release.number, Release.offered_at, Release.fetched_at,
            Release.acknowledged_at, Release.destroyed_at, Release.holder_destroyed_at,
        )
        .join(Release, Release.id == ReleaseItem.release_id)
        .join(Organization, Organization.id == Release.organization_id)
        .join(Event, Event.id == Release.event_id)
        .where(
            ReleaseItem.document_id.in_(_documents(account_id)), Release.offered_at.is_not(None)
        )
        .order_by(Release.offered_at.desc())
    )  # fmt: skip


def _told(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Organization.name, Organization.contact, RightsParty.news, RightsParty.told_at,
            RightsParty.confirmed_at,
        )
        .join(Organization, Organization.id == RightsParty.organization_id)
        .where(RightsParty.account_id == account_id)
        .order_by(RightsParty.told_at.desc())
    )  # fmt: skip


def _consents(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            ConsentRecord.purpose, ConsentRecord.granted, ConsentRecord.at,
            ConsentRecord.policy_version, ConsentRecord.text_shown, ConsentRecord.source,
            ConsentRecord.user_agent,
        )
        .where(ConsentRecord.account_id == account_id)
        .order_by(ConsentRecord.at.desc())
    )  # fmt: skip


def _guardians(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(ConsentRecord.at, ConsentRecord.guardian)
        .where(ConsentRecord.account_id == account_id, ConsentRecord.guardian.is_not(None))
        .order_by(ConsentRecord.at.desc())
    )


def _notices(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(Notice.kind, Notice.at, Notice.read_at)
        .where(Notice.account_id == account_id)
        .order_by(Notice.at.desc())
    )


def _audit(session: Session, account_id: uuid.UUID) -> Rows:
    mine = str(account_id)
    return session.execute(
        select(
            AuditEntry.at, AuditEntry.actor_kind, AuditEntry.action, AuditEntry.outcome,
            AuditEntry.subject_kind,
        )
        .where(
            or_(
                AuditEntry.actor_id == account_id,
                (AuditEntry.subject_kind == "account") & (AuditEntry.subject_id == mine),
            )
        )
        .order_by(AuditEntry.id.desc())
        .limit(20_000)
    )  # fmt: skip


def _contacts(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Contact.at, Contact.channel, Contact.kind, Contact.state, Contact.name,
            Contact.phone, Contact.note, Contact.outcome, Contact.outcome_note,
        )
        .where(Contact.account_id == account_id)
        .order_by(Contact.at.desc())
    )  # fmt: skip


def _recordings(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Recording.received_at, Recording.plain_bytes, Recording.state,
            Recording.destroy_due_at, Recording.destroyed_at,
        )
        .join(Contact, Contact.id == Recording.contact_id)
        .where(Contact.account_id == account_id)
        .order_by(Recording.received_at.desc())
    )  # fmt: skip


def _leads(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            Lead.created_at, Lead.name, Lead.phone, Lead.call_time, Lead.status,
            Lead.delete_after,
        )
        .where(Lead.account_id == account_id)
        .order_by(Lead.created_at.desc())
    )  # fmt: skip


def _requests(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            RightsRequest.number, RightsRequest.kind, RightsRequest.channel,
            RightsRequest.state, RightsRequest.received_at, RightsRequest.due_at,
            RightsRequest.closed_at, RightsRequest.words, RightsRequest.answer,
        )
        .where(RightsRequest.account_id == account_id)
        .order_by(RightsRequest.received_at.desc())
    )  # fmt: skip


def _proofs(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(RightsRequest.number, RightsRequest.check, RightsRequest.checked_at).where(
            RightsRequest.account_id == account_id, RightsRequest.proof.is_not(None)
        )
    )


def _copies(session: Session, account_id: uuid.UUID) -> Rows:
    return session.execute(
        select(
            AccessCopy.ordered_at, AccessCopy.state, AccessCopy.fetched_at, AccessCopy.expires_at
        )
        .where(AccessCopy.account_id == account_id)
        .order_by(AccessCopy.ordered_at.desc())
    )


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
        _account, by_worker=False, masked=("login",),
    ),
    Part(
        "credentials", "account.credentials", _l("登录凭据（只列有无，内容是不可逆的摘要）"),
        (("kind", _l("种类")), ("usable", _l("可用")), ("at", _AT)),
        _credentials, by_worker=False,
    ),
    Part(
        "sign_ins", "security_log", _l("登录记录"),
        (("at", _AT), ("outcome", _l("结果")), ("new_device", _l("新设备")),
         ("source", _SOURCE), ("user_agent", _BROWSER)),
        _sign_ins,
    ),
    Part(
        "sessions", "security_log", _l("登录会话"),
        (("created_at", _l("开始")), ("last_seen_at", _l("最近使用")),
         ("revoked_at", _l("结束")), ("source", _SOURCE), ("user_agent", _BROWSER)),
        _sessions,
    ),
    Part(
        "devices", "security_log", _l("信任的设备"),
        (("created_at", _CREATED), ("expires_at", _l("到期")), ("revoked_at", _l("取消于"))),
        _devices,
    ),
    Part(
        "students", "student.profile", _l("学员"),
        (("name", _l("姓名")), ("birth_date", _l("出生日期")), ("relation", _l("关系")),
         ("created_at", _CREATED), ("unbound_at", _l("解除绑定"))),
        _students, masked=("birth_date",),
    ),
    Part(
        "registrations", "registration.answers", _l("报名"),
        (("number", _NUMBER), ("event", _EVENT), ("organizer", _ORGANIZER),
         ("student", _l("学员")), ("status", _STATE), ("created_at", _CREATED),
         ("submitted_at", _l("提交于")), ("withdrawn_at", _l("撤回于"))),
        _registrations,
    ),
    Part(
        "answers", "registration.answers", _l("报名时填写的内容"),
        (("number", _NUMBER), ("event", _EVENT), ("question", _l("问题")),
         ("answer", _l("您的填写"))),
        _answers,
    ),
    Part(
        "id_number_tails", "identity.number_tail", _l("证件号码后四位"),
        (("number", _NUMBER), ("event", _EVENT), ("tail", _l("后四位")),
         ("ciphertext_sha256", _l("密文 SHA-256"))),
        _numbers,
    ),
    Part(
        "id_numbers", "identity.number", _l("封存的证件号码（本网站打不开，这里只列有哪些）"),
        (("number", _NUMBER), ("event", _EVENT), ("ciphertext_sha256", _l("密文 SHA-256"))),
        lambda session, account_id: (
            (number, event, digest)
            for number, event, _tail, digest in _numbers(session, account_id)
        ),
    ),
    Part(
        "documents", "identity.document", _l("封存的材料（本网站打不开，这里只列有哪些）"),
        (("number", _NUMBER), ("kind", _l("种类")), ("state", _STATE),
         ("received_at", _l("收到")), ("pages", _l("页数")), ("bytes", _l("大小（字节）")),
         ("ciphertext_sha256", _l("密文 SHA-256")), ("destroy_by", _l("最迟销毁")),
         ("destroyed_at", _l("已销毁")), ("document", _DOCUMENT)),
        _pictures,
    ),
    Part(
        "custody", "decision", _l("材料流转与凭证"),
        (("document", _DOCUMENT), ("step", _l("步骤")), ("at", _AT),
         ("policy_version", _l("政策版本")), ("receipt", _l("签名凭证"))),
        _custody,
    ),
    Part(
        "decisions", "decision", _l("核验结果"),
        (("document", _DOCUMENT), ("outcome", _l("结果")), ("reason", _l("原因")),
         ("text", _l("说明")), ("published_at", _l("公布"))),
        _decisions,
    ),
    Part(
        "disclosures", "decision", _l("交给了谁"),
        (("document", _DOCUMENT), ("organizer", _ORGANIZER), ("contact", _l("联系方式")),
         ("event", _EVENT), ("batch", _l("批次")), ("offered_at", _l("备好")),
         ("fetched_at", _l("取走")), ("acknowledged_at", _l("确认收到")),
         ("destroyed_at", _l("本站销毁")), ("holder_destroyed_at", _l("对方销毁"))),
        _disclosures,
    ),
    Part(
        "told", "rights.request", _l("通知过哪些接收方"),
        (("organizer", _ORGANIZER), ("contact", _l("联系方式")), ("news", _l("通知内容")),
         ("told_at", _l("通知于")), ("confirmed_at", _l("对方确认"))),
        _told,
    ),
    Part(
        "consents", "consent", _l("同意与撤回"),
        (("purpose", _l("目的")), ("granted", _l("同意")), ("at", _AT),
         ("policy_version", _l("政策版本")), ("text", _l("当时的文字")), ("source", _SOURCE),
         ("user_agent", _BROWSER)),
        _consents,
    ),
    Part(
        "guardians", "consent.guardian", _l("监护人同意"),
        (("at", _AT), ("guardian", _l("监护人"))),
        _guardians, masked=("guardian",),
    ),
    Part(
        "notices", "account.contact", _l("站内通知"),
        (("kind", _l("种类")), ("at", _AT), ("read_at", _l("已读"))),
        _notices,
    ),
    Part(
        "audit", "audit", _l("操作记录"),
        (("at", _AT), ("actor", _l("谁")), ("action", _l("操作")), ("outcome", _l("结果")),
         ("subject", _l("对象"))),
        _audit,
    ),
    Part(
        "contacts", "contact.log", _l("通话与交流记录"),
        (("at", _AT), ("channel", _l("方式")), ("kind", _l("种类")), ("state", _STATE),
         ("name", _l("称呼")), ("phone", _l("电话")), ("note", _l("内容")),
         ("outcome", _l("结果")), ("outcome_note", _l("处理说明"))),
        _contacts, by_worker=False, masked=("phone",),
    ),
    Part(
        "recordings", "contact.recording", _l("通话录音（封存，这里只列有哪些）"),
        (("received_at", _l("收到")), ("bytes", _l("大小（字节）")), ("state", _STATE),
         ("destroy_by", _l("最迟销毁")), ("destroyed_at", _l("已销毁"))),
        _recordings, by_worker=False,
    ),
    Part(
        "leads", "lead.contact", _l("回电登记"),
        (("created_at", _l("登记于")), ("name", _l("称呼")), ("phone", _l("手机号")),
         ("call_time", _l("方便时间")), ("status", _STATE), ("delete_after", _l("最迟删除"))),
        _leads, masked=("phone",),
    ),
    Part(
        "requests", "rights.request", _l("您提出过的请求"),
        (("number", _l("编号")), ("kind", _l("种类")), ("channel", _l("途径")),
         ("state", _STATE), ("received_at", _l("收到")), ("due_at", _l("最迟答复")),
         ("closed_at", _l("办结")), ("words", _l("内容")), ("answer", _l("答复"))),
        _requests, by_worker=False,
    ),
    Part(
        "proofs", "rights.proof", _l("核对身份的记录（办结即删除）"),
        (("number", _l("编号")), ("check", _l("方式")), ("at", _AT)),
        _proofs, by_worker=False,
    ),
    Part(
        "copies", "rights.copy", _l("您要过的副本"),
        (("ordered_at", _l("提出")), ("state", _STATE), ("fetched_at", _l("下载于")),
         ("expires_at", _l("链接到期"))),
        _copies,
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
    if column == "birth_date":
        return f"{str(value)[:4]}-＊＊-＊＊"
    return mask_name(str(value)[-1:]) if column == "guardian" else value
