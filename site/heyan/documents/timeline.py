"""The custody page's five seals 收 封 递 核 毁, worked out from the steps that really happened."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.accounts.pages import ROLE_NAMES
from heyan.approvals.wording import PURPOSES
from heyan.consent.purposes import HAND_OVER
from heyan.decisions.models import Decision, Outcome
from heyan.decisions.reasons import Reason, reason
from heyan.documents.models import CustodyEvent, CustodyStep, Document, DocumentState
from heyan.events.models import EventDocumentKind
from heyan.registrations.models import RegistrationStatus
from heyan.registrations.steps import standing_consent
from heyan.releases.models import Release
from heyan.releases.recipients import pinned

C = CustodyStep


@dataclass(frozen=True)
class Line:
    """One sentence of a seal, with the time of what it says where it has one."""

    text: str
    at: datetime | None = None


@dataclass
class Seal:
    """One seal: ``state`` is done, now, later, or returned (done, but it came back)."""

    name: str
    state: str
    title: str
    at: datetime | None = None
    lines: list[Line] = field(default_factory=list)
    policy_version: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Shown:
    """One time that a copy was made for somebody on the staff: no names, roles only."""

    made_at: datetime | None
    shown_at: datetime | None
    destroyed_at: datetime | None
    purpose: Any
    approved_by: list[str]


@dataclass(frozen=True)
class Custody:
    """What the custody page shows of one document."""

    seals: list[Seal]
    reason: Reason | None
    reason_text: str
    destroy_at: datetime
    # The time has come, as after a withdrawal: a past moment would be no promise.
    destroying: bool
    destroyed: bool
    shown: list[Shown]


def custody_of(
    session: Session,
    document: Document,
    steps: list[CustodyEvent],
    decision: Decision | None,
    spec: EventDocumentKind | None,
) -> Custody:
    """Return the page's facts; *steps* are the document's own, the earliest first."""
    last = {step.step: step for step in steps}
    organizer = document.registration.event.organization.name
    seals = [
        _received(last, document, spec),
        _sealed(last, document),
        _handed_over(session, last, document, organizer),
        _checked(last, document, decision, organizer),
        _destroyed(last, document),
    ]
    came_back = decision is not None and decision.outcome is Outcome.RETURNED
    code = decision.reason_code if decision is not None and came_back else None
    return Custody(
        seals=seals,
        reason=reason(code) if code else None,
        reason_text=decision.reason_text if decision is not None and came_back else "",
        destroy_at=document.destroy_due_at,
        destroying=document.destroy_due_at <= clock.now(),
        destroyed=document.destroyed_at is not None,
        shown=shown_to_staff(steps),
    )


def shown_to_staff(steps: list[CustodyEvent]) -> list[Shown]:
    """Return when a copy of the document was shown to the company's staff, the earliest first."""
    by_viewing: dict[str, dict[CustodyStep, CustodyEvent]] = {}
    for step in steps:
        if step.step in (C.COPIED, C.SHOWN, C.COPY_DESTROYED):
            by_viewing.setdefault(str(step.details.get("viewing_id")), {})[step.step] = step
    found = []
    for one in by_viewing.values():
        facts = one[C.SHOWN].details if C.SHOWN in one else {}
        made, seen, gone = (
            one[at].at if at in one else None for at in (C.COPIED, C.SHOWN, C.COPY_DESTROYED)
        )
        roles = [str(ROLE_NAMES.get(role, role)) for role in facts.get("approved_by", [])]
        found.append(Shown(made, seen, gone, PURPOSES.get(str(facts.get("purpose"))), roles))
    return found


def _stamp(seal: Seal, step: CustodyEvent | None) -> Seal:
    if step is not None:
        seal.at, seal.policy_version = step.at, step.policy_version
    return seal


def _received(
    last: dict[CustodyStep, CustodyEvent], document: Document, spec: EventDocumentKind | None
) -> Seal:
    marked = spec is None or spec.marked
    event = document.registration.event
    words = (
        _(
            "已转为标准图片，去掉拍摄地点等附带信息，并在图上注明「%(event)s 仅供身份核验」。",
            event=event.title,
        )
        if marked
        else _("已转为标准图片，去掉拍摄地点等附带信息。这一项要用于准考证，图上不加注。")
    )
    size = _(
        "%(width)s×%(height)s 像素，共 %(pages)s 页。",
        width=document.width,
        height=document.height,
        pages=document.pages,
    )
    return _stamp(Seal("received", "done", _("已收到"), lines=[Line(words), Line(size)]),
                  last.get(C.RECEIVED))  # fmt: skip


def _sealed(last: dict[CustodyStep, CustodyEvent], document: Document) -> Seal:
    lines = [Line(_("已用本项目专用的公钥加密，原图没有保存，本网站从此打不开它。"))]
    seal = Seal("sealed", "done", _("已封存"), lines=lines, digest=document.ciphertext_sha256.hex())
    return _stamp(seal, last.get(C.SEALED))


def _handed_over(
    session: Session,
    last: dict[CustodyStep, CustodyEvent],
    document: Document,
    organizer: str,
) -> Seal:
    given = last.get(C.OFFERED)
    if given is None:
        return _not_handed_over(session, document, organizer)
    number = given.details.get("release_number", "")
    held = _documents_in(session, given.details.get("release_id"))
    words = (
        _("第 %(number)s 批，共 %(count)s 份。", number=number, count=held)
        if held
        else _("第 %(number)s 批。", number=number)
    )
    seal = Seal("handed", "now", _("已备好，等%(organizer)s取走", organizer=organizer))
    seal.lines = [Line(words + _("文件只有对方的钥匙能打开。"))]
    if C.ACKNOWLEDGED not in last and document.state is DocumentState.RELEASED:
        seal.lines.append(Line(_("对方 3 天没有确认收到，我们就提醒对方。")))
    if fetched := last.get(C.FETCHED):
        seal.title = _("%(organizer)s已取走", organizer=organizer)
        seal.lines.append(Line(_("对方已下载。"), fetched.at))
    if confirmed := last.get(C.ACKNOWLEDGED):
        seal.state = "done"
        seal.title = _("已交给%(organizer)s", organizer=organizer)
        seal.lines.append(Line(_("对方确认完整收到。"), confirmed.at))
    if gone := last.get(C.HOLDER_DESTROYED):
        words = _("对方确认已销毁它手里的全部副本，签名凭证可以下载。")
        seal.lines.append(Line(words, gone.at))
    if document.state in (DocumentState.ACCEPTED, DocumentState.RETURNED):
        seal.state = "done"
    return _stamp(seal, given)


def _not_handed_over(session: Session, document: Document, organizer: str) -> Seal:
    status = document.registration.status
    ended = document.state in (DocumentState.SUPERSEDED, DocumentState.DESTROYED)
    if ended or status is RegistrationStatus.WITHDRAWN:
        return Seal("handed", "later", _("没有交给任何人"))
    if status is RegistrationStatus.DRAFT:
        words = _("提交报名之后，才会编入下一批交给对方。")
        return Seal("handed", "later", _("等您提交报名"), lines=[Line(words)])
    if status is RegistrationStatus.WAITLISTED:
        words = _("轮到您时，才会编入下一批交给对方。")
        return Seal("handed", "later", _("候补中，暂不转交"), lines=[Line(words)])
    words = _("将编入下一批，只加密给%(organizer)s。", organizer=organizer)
    title = _("等待转交%(organizer)s", organizer=organizer)
    if standing_consent(session, document.registration, HAND_OVER) is None:
        by = Line(_("等您重新同意之后才会编入。"))
    elif pinned(session, document.registration.event.organization_id) is None:
        by = Line(_("对方还没有启用收件的钥匙，启用之后才会编入。"))
    else:
        by = Line(_("预计最晚编好"), next_batch_by(document))
    return Seal("handed", "now", title, lines=[Line(words), by])


def next_batch_by(document: Document) -> datetime:
    """Return by when the event's own hours make the next batch; sooner by size or a deadline."""
    event = document.registration.event
    since = event.last_batch_at or document.registration.submitted_at or document.received_at
    by_schedule = since + timedelta(hours=event.batch_every_hours)
    # The worker looks every minute; a batch takes some.
    return max(by_schedule, clock.now()) + timedelta(minutes=10)


def step_names() -> dict[CustodyStep, str]:
    """Return what each step's receipt is called."""
    return {
        C.RECEIVED: _("收到"),
        C.SEALED: _("封存"),
        C.PREPARED: _("编入批次"),
        C.OFFERED: _("备好待取"),
        C.FETCHED: _("对方下载"),
        C.ACKNOWLEDGED: _("对方确认收到"),
        C.ACCEPTED: _("核验通过"),
        C.RETURNED: _("退回"),
        C.SUPERSEDED: _("被替换"),
        C.WITHDRAWN: _("撤回"),
        C.DESTROYED: _("销毁"),
        C.HOLDER_DESTROYED: _("对方确认销毁"),
        C.COPIED: _("为本站人员备好查看件"),
        C.SHOWN: _("本站人员查看"),
        C.COPY_DESTROYED: _("查看件销毁"),
    }


def _documents_in(session: Session, release_id: Any) -> int:
    """Return how many documents a release holds."""
    if not release_id:
        return 0
    wanted = select(Release.documents_count).where(Release.id == uuid.UUID(str(release_id)))
    return session.scalar(wanted) or 0


def _checked(
    last: dict[CustodyStep, CustodyEvent],
    document: Document,
    decision: Decision | None,
    organizer: str,
) -> Seal:
    if decision is not None and decision.outcome is Outcome.ACCEPTED:
        words = _("%(organizer)s核验后认可了这份材料，您不用再做什么。", organizer=organizer)
        seal = Seal("checked", "done", _("核验通过"), lines=[Line(words)])
        return _stamp(seal, last.get(C.ACCEPTED))
    if decision is not None:
        words = _("%(organizer)s需要您重新提交这一份，其他材料不受影响。", organizer=organizer)
        seal = Seal("checked", "returned", _("已退回"), lines=[Line(words)])
        return _stamp(seal, last.get(C.RETURNED))
    if C.OFFERED in last and document.state is DocumentState.RELEASED:
        words = _("有结果会在站内通知您。需要补交时，只需重传这一份。")
        until = Line(_("补交截止"), document.registration.event.documents_until)
        return Seal("checked", "now", _("正在核验"), lines=[Line(words), until])
    return Seal("checked", "later", _("核验"))


def _destroyed(last: dict[CustodyStep, CustodyEvent], document: Document) -> Seal:
    if gone := last.get(C.DESTROYED):
        words = _("封存的文件和它的所有版本都已删除。")
        return _stamp(Seal("destroyed", "done", _("已销毁"), lines=[Line(words)]), gone)
    why = {
        "draft": _("报名没有提交的，到时销毁；提交后按项目的期限保存。"),
        "superseded": _("这一份已被新的替换。"),
        "withdrawn": _("您已撤回同意，正在销毁。"),
        "decided": _("结果公布后留 30 天供申诉，然后销毁。"),
    }.get(
        document.destroy_reason, _("核验结果公布 30 天后销毁；到项目期限时，专用钥匙也一并销毁。")
    )
    lines = [
        Line(why),
        Line(_("钥匙销毁后，备份中的副本也无法打开。您会收到销毁凭证。")),
    ]
    state = "now" if document.destroy_reason in ("superseded", "withdrawn") else "later"
    if document.destroy_due_at <= clock.now():
        return Seal("destroyed", "now", _("正在销毁"), lines=lines)
    return Seal("destroyed", state, _("最迟销毁"), at=document.destroy_due_at, lines=lines)
