"""Puts cases on the desks that decide: risk, oversight, rights, agreements, keys, orders.

Each stands where a second person or a decision is needed, so that nothing happens by itself.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pyrage
from sqlalchemy.orm import Session

from deploy.local.demo_desks import EVIDENCE
from deploy.local.demo_people import DemoPerson
from heyan import clock
from heyan.agreements import service as agreements
from heyan.assessments import minors
from heyan.assessments import service as assessments
from heyan.audit.service import WORKER, record
from heyan.exports import service as exports
from heyan.exports.models import ExportKind
from heyan.exports.rows import Scope
from heyan.organizations import service as organizations
from heyan.oversight import alerts, findings, training
from heyan.releases import recipients
from heyan.retention import holds
from heyan.retention.models import HoldSubject
from heyan.rights import requests as rights
from heyan.rights import second_person
from heyan.rights.models import RefusalGround, RightsChannel, RightsCheck, RightsKind
from heyan.safety import service as safety
from heyan.safety.models import FlagAct, FlagKind
from heyan.settings import Settings
from heyan.viewings import keys
from uploads_worker import safety_flags, sweep
from uploads_worker.context import Context

DAY = timedelta(days=1)
# One more than a colleague may be refused in an hour without an alert.
REFUSED_TOO_OFTEN = 5


@dataclass(frozen=True)
class Cases:
    """Who is there, what cases can be about, and the signed paper that stands for any."""

    session: Session
    settings: Settings
    staff: dict[str, DemoPerson]
    owner: DemoPerson
    organization_id: uuid.UUID
    student_id: uuid.UUID
    signed: bytes


def fill(cases: Cases, worker: Context) -> None:
    """Leave one case or two on each deciding desk, through the verbs."""
    _risk(cases, worker)
    _oversight(cases)
    _rights(cases)
    _second_persons(cases)
    _keys(cases)
    year = minors.year_due(clock.now())
    if year < clock.local(clock.now()).year:
        officer = cases.staff["privacy_officer"].actor
        minors.finish(cases.session, officer, year, "本站当年没有运行，没有未成年人的信息。")
    # The first of its hourly turns: until it was, the desks say that nothing was swept yet.
    sweep.sweep(worker)


def _risk(cases: Cases, worker: Context) -> None:
    """Two hints of the worker about one account: one that was cleared, one that waits."""
    first = _flag(cases, worker)
    safety.decide(
        cases.session, cases.settings, cases.staff["operations"].actor, EVIDENCE, first,
        act=FlagAct.CLEAR, note="本人来电说明当天换了手机和网络，情况属实。",
    )  # fmt: skip
    _flag(cases, worker)


def _flag(cases: Cases, worker: Context) -> uuid.UUID:
    with worker.sessions() as session:
        flag_id = safety_flags.raise_flag(
            session, FlagKind.TWO_NETWORKS, account_id=cases.student_id
        )
        safety_flags.add_subjects(session, flag_id, [{"account_id": cases.student_id}])
        session.commit()
    return flag_id


def _oversight(cases: Cases) -> None:
    """An alert about refused attempts, what an audit found, and a rule that waits to be read."""
    session, staff, now = cases.session, cases.staff, clock.now()
    for _attempt in range(REFUSED_TOO_OFTEN):
        record(
            session, staff["operations"].actor, "access.denied", "route",
            "staff_leads.index", outcome="denied", why="demo",
        )  # fmt: skip
    session.commit()
    alerts.watch(session, WORKER, back=timedelta(hours=1))
    officer = staff["privacy_officer"].actor
    done = findings.add(
        session, officer, title="三名离职同事的账号停用晚了一天",
        description="抽查上季度离职清单：离职当天没有停用账号，次日才停用。",
        owner_id=staff["administrator"].id, due_at=now + 7 * DAY,
    )  # fmt: skip
    findings.close(
        session, staff["auditor"].actor, done.id, result="离职清单改为当天推送，已复核。"
    )
    findings.add(
        session, staff["auditor"].actor, title="回电记录里写了多余的家庭情况",
        description="抽查二十条回电备注，两条写了与报名无关的家庭情况。请删去并提醒客服。",
        owner_id=staff["service"].id, due_at=now + 14 * DAY,
    )  # fmt: skip
    rule = training.publish(
        session, staff["administrator"].actor, title="客服接待与信息保密守则",
        words="一、只看办这件事非看不可的信息。\n二、不在聊天软件里转发姓名、号码和照片。\n"
        "三、挂断来电、回拨登记的号码，再办换号和重置密码。\n四、发现可疑情况，当天报告。",
        due_at=now + 14 * DAY,
    )  # fmt: skip
    for role in ("administrator", "privacy_officer"):
        training.acknowledge(session, staff[role].actor, rule.id)


def _rights(cases: Cases) -> None:
    """A correction whose asker is to be checked, a complaint, a refusal to be confirmed."""
    session, clerk = cases.session, cases.staff["service"].actor
    rights.receive(
        session, clerk,
        rights.Asked(
            kind=RightsKind.CORRECT, channel=RightsChannel.PHONE, account_id=cases.student_id,
            subject="student_name", wanted="陈小荷", words="名字最后一个字打错了。",
        ),
    )  # fmt: skip
    rights.receive(
        session, clerk,
        rights.Asked(
            kind=RightsKind.COMPLAINT, channel=RightsChannel.LETTER,
            words="报名须知里没有写清楚决赛要带证件原件。", reply_to="北京市海淀区示例路 2 号",
        ),
    )  # fmt: skip
    asked = rights.receive(
        session, clerk,
        rights.Asked(
            kind=RightsKind.EXPLAIN, channel=RightsChannel.VISIT, account_id=cases.student_id,
            words="要求公开风险提示的全部判断数值。",
        ),
    )  # fmt: skip
    rights.check_identity(session, clerk, asked.id, RightsCheck.MET, "当面核对了账号手机号。")
    second_person.propose_refusal(
        session, clerk, asked.id, RefusalGround.TRADE_SECRET,
        "提示的规则和含义已经说明；具体数值公开后会被用来绕过核验，不予提供。",
    )  # fmt: skip


def _second_persons(cases: Cases) -> None:
    """What one colleague put forward and another is to decide."""
    session, staff, now = cases.session, cases.staff, clock.now()
    operations = staff["operations"].actor
    organizations.propose(
        session, operations, name="示例大学招生办公室",
        contact="招生办 010-88882222 zhaosheng@example.org", processing_role="independent",
    )  # fmt: skip
    agreements.propose(
        session, operations,
        agreements.Terms(
            kind="sms", party="示例短信服务公司", role="entrusted", clauses=agreements.CLAUSES,
            valid_from=now, valid_until=now + 365 * DAY,
        ),
        cases.signed,
    )  # fmt: skip
    assessments.write(
        session, operations,
        assessments.Facts(
            subject="通话录音（征得同意后）",
            necessity="处理纠纷时还原经过；只在对方同意后录，问完即止。",
            risks="声音能认出人；录音外泄会暴露家庭情况。",
            measures="录完即封存，收听要经批准，只有一个人的密钥能打开。\n按期限自动销毁。",
            conclusion="改过之后可以进行：先上线同意的记录，再开始录。",
            review_at=now + 180 * DAY,
        ),
    )  # fmt: skip
    holds.ask(
        session, staff["privacy_officer"].actor,
        subject_kind=HoldSubject.ACCOUNT, subject_id=cases.student_id,
        order=holds.Order(
            authority="示例区人民法院", order_number="（2026）示例 001 号",
            statute="民事诉讼法第八十四条", scope="报名和提交的时间",
        ),
        ends_at=now + 90 * DAY,
    )  # fmt: skip
    exports.ask(
        session, cases.settings, staff["service"].actor,
        Scope(ExportKind.LEADS, staff["service"].id, now, view="live"),
        purpose="callback", hours=8, note="周末集中回电用的名单。",
    )  # fmt: skip


def _keys(cases: Cases) -> None:
    """A second key of the organizer's and a colleague's own, both proven and to be compared."""
    session, owner = cases.session, cases.owner
    identity = pyrage.x25519.Identity.generate()
    second = recipients.propose(
        session, owner.actor, cases.organization_id, str(identity.to_public()), "recovery"
    )
    opened = pyrage.decrypt(base64.b64decode(second.challenge or ""), [identity])
    recipients.prove(session, owner.actor, cases.organization_id, second.id, opened.hex())
    colleague = cases.staff["operations"]
    identity = pyrage.x25519.Identity.generate()
    own = keys.propose(session, colleague.actor, str(identity.to_public()))
    opened = pyrage.decrypt(base64.b64decode(own.challenge or ""), [identity])
    keys.prove(session, colleague.actor, colleague.id, own.id, opened.hex())
