"""What waits for whom: the entries of a role's home, only of what the role may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from heyan import clock, web
from heyan.access import Permission
from heyan.accounts import loss, reviews
from heyan.accounts.sessions import SignedIn
from heyan.agreements import service as agreements
from heyan.approvals import grants, requests
from heyan.assessments import minors, processing
from heyan.assessments import service as assessments
from heyan.assistance import service as assistance
from heyan.audit import service as audit
from heyan.contacts import service as contacts
from heyan.events import editing
from heyan.leads import service as leads
from heyan.notifications import delivery
from heyan.notifications.models import MessageChannel
from heyan.organizations import service as organizations
from heyan.oversight import alerts, findings, fitness, training
from heyan.policies import drafts as policy_drafts
from heyan.releases import recipients
from heyan.releases import service as releases
from heyan.releases.models import RecipientStatus
from heyan.retention import figures as keeping
from heyan.retention import holds
from heyan.rights import requests as rights
from heyan.rights import workdays
from heyan.safety import service as safety
from heyan.viewings import keys as staff_keys
from heyan.viewings import service as viewings
from heyan.winddown import service as winddown

# An offered batch that nobody acknowledged for this long is named to both sides (L2b).
ACKNOWLEDGE_WITHIN = timedelta(days=7)
# A request to see something that waits longer than half a working day is overdue.
DECIDE_WITHIN = timedelta(hours=4)
# A review of access is named this long before it is due.
REVIEW_NAMED = timedelta(days=7)


@dataclass(frozen=True)
class Waiting:
    """One line of a home: what, how many, how many of them overdue, and where to."""

    words: str
    count: int
    overdue: int
    address: str


def waiting_for(session: Session, person: SignedIn) -> list[Waiting]:
    """Return what waits for *person*, in the order in which it is to be done."""
    lines = [
        line
        for permission, read in _READERS
        if person.may(permission)
        for line in read(session, person)
    ]
    return sorted(lines, key=lambda line: (line.overdue == 0, line.count == 0))


def _policies(session: Session, person: SignedIn) -> Iterator[Waiting]:
    mine = [row for row in policy_drafts.waiting(session) if row.proposed_by != person.account_id]
    yield Waiting(_("等着批准的政策版本"), len(mine), 0, url_for("staff_policies.index"))


def _leads(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    live, overdue = leads.waiting(session)
    yield Waiting(_("等着回电的人"), live, overdue, url_for("staff_leads.index"))


def _viewings(session: Session, person: SignedIn) -> Iterator[Waiting]:
    count = viewings.ready_count(session, person.account_id)
    if count:
        yield Waiting(_("备好了、等着我查看的内容"), count, 0, url_for("viewings.index"))


def _staff_keys(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    count = staff_keys.waiting_count(session)
    if count:
        address = url_for("viewings.confirmations")
        yield Waiting(_("等着当面核对的同事密钥"), count, 0, address)


def _contacts(session: Session, person: SignedIn) -> Iterator[Waiting]:
    live, overdue, disputes = contacts.waiting(session, person.account_id)
    yield Waiting(
        _("等着我跟进的来往"), live, overdue, url_for("staff_contacts.index", state="mine")
    )
    if disputes:
        address = url_for("staff_contacts.index", state="disputes")
        yield Waiting(_("没有办结的纠纷"), disputes, 0, address)


def _events(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    found = editing.pending(session)
    drafts = url_for("staff_events.index", status="draft")
    open_ones = url_for("staff_events.index", status="published")
    yield Waiting(_("还没有发布的项目"), found.drafts, 0, drafts)
    yield Waiting(
        _("已发布、封存密钥还没有做好的项目"), found.without_key, found.without_key, open_ones
    )
    yield Waiting(_("三天内报名截止的项目"), found.closing, 0, open_ones)


def _batches(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    offered, late = releases.unconfirmed(session, clock.now() - ACKNOWLEDGE_WITHIN)
    yield Waiting(
        _("主办单位还没有签收的批次"),
        offered,
        late,
        url_for("staff_organizations.index", state="active"),
    )


def _confirm(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    found = recipients.waiting_counts(session)
    yield Waiting(
        _("等着核对指纹的密钥"),
        found.get(RecipientStatus.PROVEN, 0),
        0,
        url_for("staff_recipients.index", status="proven"),
    )
    yield Waiting(
        _("已批准、等着在处理机上固定的密钥"),
        found.get(RecipientStatus.APPROVED, 0),
        0,
        url_for("staff_recipients.index", status="approved"),
    )


def _leaked(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    count = recipients.leaked_releases(session)
    if count:
        yield Waiting(
            _("为可能泄露的密钥制作、还没有收回的批次（请在处理机上停用那枚密钥）"),
            count,
            count,
            url_for("staff_recipients.index", status="revoked"),
        )


def _approve(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着批准的密钥"),
        recipients.waiting_counts(session).get(RecipientStatus.CONFIRMED, 0),
        0,
        url_for("staff_recipients.index", status="confirmed"),
    )


def _organizers(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着批准的主办单位"),
        organizations.waiting_count(session),
        0,
        url_for("staff_organizations.index", state="waiting"),
    )


def _changes(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着另一位同事确认的换号和解除验证"),
        assistance.changes_waiting(session),
        0,
        url_for("staff_assistance.index"),
    )


def _agreements(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    unbound = len(agreements.unbound_organizers(session))
    yield Waiting(
        _("没有有效协议、批次停着的主办单位"), unbound, unbound, url_for("staff_agreements.index")
    )
    for state, words in (
        ("ending", _("60 天内到期的协议")),
        ("deletion_due", _("已结束、对方还没有确认删除的协议")),
    ):
        count = agreements.count(session, state)
        overdue = count if state == "deletion_due" else 0
        address = url_for("staff_agreements.index", state=state)
        yield Waiting(words, count, overdue, address)


def _activate(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    waiting = agreements.count(session, "waiting")
    address = url_for("staff_agreements.index", state="waiting")
    yield Waiting(_("等着第二人核对的协议"), waiting, 0, address)


def _audit(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    chain = audit.chain_state(session)
    yield Waiting(
        _("还没有串进审计链的记录"),
        # A few always wait for the worker's next turn; they are nobody's to do.
        chain.unchained if chain.late else 0,
        chain.unchained if chain.late else 0,
        url_for("audit.index"),
    )
    yield Waiting(
        _("24 小时内被拒绝的操作"),
        audit.denied_since(session, clock.now() - timedelta(days=1)),
        0,
        url_for("audit.index", outcome="denied"),
    )


def _rights(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    live, late, _refusing = rights.waiting(session)
    yield Waiting(_("没有办结的权利请求"), live, late, url_for("staff_rights.index"))


def _refusals(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着第二人确认的拒绝"),
        rights.waiting(session)[2],
        0,
        url_for("staff_rights.index", view="refusing"),
    )


def _safety(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    live, late = safety.waiting(session)
    yield Waiting(_("等着判断的风险提示"), live, late, url_for("staff_safety.index"))


def _keeping(session: Session, person: SignedIn) -> Iterator[Waiting]:
    found = keeping.figures(session)
    address = url_for("retention.index")
    yield Waiting(_("过了最后一天还没有销毁的"), found.total, found.total, address)
    if found.late or found.failed:
        yield Waiting(_("没有按时做完的清理任务"), 1, 1, address)
    waiting = holds.waiting_count(session, person.account_id)
    yield Waiting(_("等另一人批准的保全"), waiting, 0, url_for("retention.hold_list"))


def _lost_factors(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着第二人核实的丢失证明"),
        loss.waiting(session),
        0,
        url_for("staff_accounts.lost_factors"),
    )


def _access_review(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    due = reviews.due_at(session, web.settings())
    now = clock.now()
    if due is None or due - REVIEW_NAMED <= now:
        late = int(due is None or due <= now)
        yield Waiting(_("到期的权限复核"), 1, late, url_for("staff_accounts.review"))


def _requests(session: Session, person: SignedIn) -> Iterator[Waiting]:
    waiting, late = requests.waiting_counts(session, person.account_id, DECIDE_WITHIN)
    address = url_for("staff_approvals.index", state="waiting")
    yield Waiting(_("等我批准的查看申请"), waiting, late, address)


def _grants(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    yield Waiting(
        _("等着批准的联系信息授权"),
        grants.waiting_count(session),
        0,
        url_for("staff_approvals.grants"),
    )


def _messages(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    parked = delivery.parked(session)
    address = url_for("staff_messages.index", state="failed")
    yield Waiting(_("24 小时内发不出去的邮件和短信"), parked, parked, address)
    if delivery.breaker(session, web.settings()):
        yield Waiting(_("短信到了全站上限，已停发"), 1, 1, url_for("staff_messages.index"))
    if len(web.settings().channels) < len(MessageChannel):
        words = _("没有配置服务商、关着的通知渠道")
        off = len(MessageChannel) - len(web.settings().channels)
        yield Waiting(words, off, 0, url_for("staff_messages.index"))


def _assessments(session: Session, person: SignedIn) -> Iterator[Waiting]:
    rows = [row for row in assessments.waiting(session) if row.written_by != person.account_id]
    yield Waiting(_("等着确认的影响评估"), len(rows), 0, url_for("staff_assessments.index"))
    if high := assessments.high_risks(session):
        words = _("仍是高风险、等着补充措施的影响评估")
        yield Waiting(words, high, high, url_for("staff_assessments.index"))


def _officer(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    """Yield the yearly audit of minors from 1 December, and the alarm of numbers (L-07, L-23)."""
    now = clock.now()
    year = minors.year_due(now)
    if minors.finished(session, year) is None:
        late = int(minors.overdue(now, year))
        words = _("%(year)s 年未成年人信息审计，次年 1 月 31 日前报送", year=year)
        yield Waiting(words, 1, late, url_for("staff_assessments.minors_audit"))
    if missing := workdays.missing_year(clock.local(now).date()):
        words = _("%(year)s 年的节假日安排还没有录入，期限暂按推算", year=missing)
        late = int(missing <= clock.local(now).year)
        yield Waiting(words, 1, late, url_for("staff_rights.index"))
    if alarms := processing.persons(session).alarms:
        words = _("涉及的人数到了法定界限的八成")
        address = url_for("staff_assessments.record_of_processing")
        yield Waiting(words, alarms, alarms, address)


def _ending(session: Session, person: SignedIn) -> Iterator[Waiting]:
    row = winddown.standing(session)
    if row is None or row.begun_at is not None:
        return
    address = url_for("staff_winddown.index")
    if row.approved_at is None and person.may(Permission.WINDDOWN_APPROVE):
        yield Waiting(_("等着批准的停止服务"), 1, 0, address)
    decides = any(
        person.may(one) for one in (Permission.WINDDOWN_PROPOSE, Permission.WINDDOWN_APPROVE)
    )
    if row.cancel_asked_at and row.cancel_asked_by != person.account_id and decides:
        # Only until the last day is over.
        yield Waiting(_("等着另一人确认、撤销停止服务的要求"), 1, 1, address)


def _alerts(session: Session, person: SignedIn) -> Iterator[Waiting]:
    count, late = alerts.waiting(session, person.account_id)
    yield Waiting(_("等着查明的告警"), count, late, url_for("staff_oversight.alert_list"))


def _findings(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    count, late = findings.waiting(session)
    address = url_for("staff_oversight.finding_list")
    yield Waiting(_("审计发现、还没有办结的问题"), count, late, address)


def _training(session: Session, _person: SignedIn) -> Iterator[Waiting]:
    count = training.overdue(session)
    address = url_for("staff_oversight.people")
    yield Waiting(_("培训、考试或制度确认过期的同事"), count, count, address)


def _own_training(session: Session, person: SignedIn) -> Iterator[Waiting]:
    late = len(fitness.lacking(session, person.account_id))
    count = max(late, len(fitness.unaccepted(session, person.account_id)))
    if count:
        address = url_for("staff_oversight.own_training")
        yield Waiting(_("我的培训、考试和要确认的制度"), count, late, address)


_READERS = (
    (Permission.ALERTS_WORK, _alerts),
    (Permission.STAFF_MANAGE, _messages),
    (Permission.APPROVALS_DECIDE, _requests),
    (Permission.GRANTS_APPROVE, _grants),
    (Permission.LEADS_WORK, _leads),
    (Permission.POLICIES_APPROVE, _policies),
    (Permission.RIGHTS_WORK, _rights),
    (Permission.RIGHTS_CONFIRM, _refusals),
    (Permission.CONTACTS_WORK, _contacts),
    (Permission.SAFETY_WORK, _safety),
    (Permission.EVENTS_MANAGE, _events),
    (Permission.ORGANIZATIONS_MANAGE, _batches),
    (Permission.RECIPIENTS_CONFIRM, _leaked),
    (Permission.RECIPIENTS_CONFIRM, _confirm),
    (Permission.RECIPIENTS_APPROVE, _approve),
    (Permission.ORGANIZATIONS_APPROVE, _organizers),
    (Permission.ACCOUNTS_ASSIST, _changes),
    (Permission.AGREEMENTS_APPROVE, _activate),
    (Permission.AGREEMENTS_MANAGE, _agreements),
    (Permission.VIEWINGS_OWN, _viewings),
    (Permission.VIEWINGS_KEYS_CONFIRM, _staff_keys),
    (Permission.AUDIT_READ, _audit),
    (Permission.FACTORS_RESET, _lost_factors),
    (Permission.ACCESS_REVIEW, _access_review),
    (Permission.KEEPING_SEE, _keeping),
    (Permission.REPORTS_SEE, _findings),
    (Permission.TRAINING_MANAGE, _training),
    (Permission.STAFF_HOME, _own_training),
    (Permission.ASSESSMENTS_CONFIRM, _assessments),
    (Permission.WINDDOWN_PROPOSE, _officer),
    (Permission.WINDDOWN_SEE, _ending),
)
