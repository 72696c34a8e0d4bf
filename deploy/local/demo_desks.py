"""Puts something on each desk of the demonstration: calls, contacts, requests, what waits."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from deploy.local.demo_people import AGENT, SOURCE, DemoPerson
from heyan import clock
from heyan.access import Role, Scenario
from heyan.approvals import grants, requests
from heyan.audit.service import Actor
from heyan.consent.purposes import LEAD_CALLBACK, PURPOSES
from heyan.consent.service import Evidence
from heyan.contacts import service as contacts
from heyan.contacts.models import (
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactOutcome,
)
from heyan.leads import queue
from heyan.leads import service as leads
from heyan.leads.models import LeadOutcome
from heyan.registrations import service as registrations
from heyan.rights import requests as rights
from heyan.rights.models import RightsChannel, RightsKind
from heyan.settings import Settings
from heyan.students import service as students
from heyan.students.models import Relation

EVIDENCE = Evidence(SOURCE, AGENT)
VISITOR = Actor("public", source=SOURCE)
# Numbers that no operator assigns to anybody: the demonstration calls nobody.
LEADS = (
    ("王女士", "+8613800000101", None),
    ("刘先生", "+8613800000102", "assigned"),
    ("赵老师", "+8613800000103", LeadOutcome.NOT_REACHED),
    ("周女士", "+8613800000104", LeadOutcome.REACHED),
    ("吴先生", "+8613800000105", LeadOutcome.DO_NOT_CONTACT),
)


def fill(
    session: Session,
    settings: Settings,
    staff: dict[str, DemoPerson],
    student_id: uuid.UUID,
    slug: str,
) -> None:
    """Fill the desks as people would, through the verbs; within the application's context."""
    clerk = staff["service"]
    for name, phone, ending in LEADS:
        _lead(session, settings, clerk, name, phone, ending)
    registration = _draft(session, student_id, slug)
    _log(session, settings, clerk, student_id)
    _asked(session, clerk, student_id)
    _waiting(session, staff, registration)


def _lead(
    session: Session,
    settings: Settings,
    clerk: DemoPerson,
    name: str,
    phone: str,
    ending: LeadOutcome | str | None,
) -> None:
    left = leads.leave_lead(
        session, settings, VISITOR, EVIDENCE, name=name, phone=phone,
        text_shown=str(PURPOSES[LEAD_CALLBACK].text),
    )  # fmt: skip
    if left.lead_id is None or ending is None:
        return
    queue.assign(session, clerk.actor, left.lead_id, clerk.id, expected=None)
    if isinstance(ending, LeadOutcome):
        queue.settle(session, settings, clerk.actor, left.lead_id, ending, "演示记录")


def _draft(session: Session, account_id: uuid.UUID, slug: str) -> uuid.UUID:
    """Let the demonstration's student begin a registration; the pictures are left to try out."""
    owner = Actor("public", account_id, SOURCE)
    child = students.bind_student(
        session, owner, account_id, name="陈小禾", birth_date=date(2011, 5, 6),
        relation=Relation.CHILD,
    )  # fmt: skip
    return registrations.start(session, owner, account_id, slug, child.id).id


def _log(session: Session, settings: Settings, clerk: DemoPerson, student_id: uuid.UUID) -> None:
    def write(**entry: Any) -> uuid.UUID:
        facts: dict[str, Any] = {
            "channel": ContactChannel.CALL,
            "direction": ContactDirection.INCOMING,
        }
        written = contacts.Entry(**(facts | entry))
        return contacts.write_down(session, settings, clerk.actor, EVIDENCE, written)

    write(
        kind=ContactKind.ENQUIRY, note="问决赛当天能否由家长陪同入场，已约定核实后回电。",
        name="孙女士", phone="+8613800000106",
    )  # fmt: skip
    write(
        kind=ContactKind.DISPUTE, note="认为名额已满的提示不对，要求复核报名时间。",
        account_id=student_id, due_at=clock.now() + timedelta(hours=4),
    )  # fmt: skip
    done = write(
        kind=ContactKind.OPINION, note="建议上传页面先说明照片怎样拍清楚。",
        channel=ContactChannel.EMAIL, reply_to="jianyi@example.com",
    )  # fmt: skip
    contacts.close(session, clerk.actor, done, ContactOutcome.ANSWERED, "已转产品同事，并致谢。")
    contacts.feedback_sent(session, clerk.actor, done, ContactChannel.EMAIL)


def _asked(session: Session, clerk: DemoPerson, student_id: uuid.UUID) -> None:
    rights.receive(
        session,
        clerk.actor,
        rights.Asked(
            kind=RightsKind.EXPLAIN,
            channel=RightsChannel.PHONE,
            account_id=student_id,
            words="想知道证件照片要保存多久、谁看得到。",
        ),
    )


def _waiting(session: Session, staff: dict[str, DemoPerson], registration: uuid.UUID) -> None:
    """Leave a request of the clerk's and a proposed grant for the officer to decide."""
    requests.ask(
        session, staff["service"].actor, level=3, scenario=Scenario.REGISTRATIONS,
        subject_kind="registration", subject_ids=[registration], purpose="correct", hours=2,
        note="本人来电核对同意记录的时间，需看当时的文字。",
    )  # fmt: skip
    grants.propose(
        session, staff["administrator"].actor, role=Role.OPERATIONS,
        scenario=Scenario.REGISTRATIONS, purpose="演示：答复主办单位对报名的询问", days=30,
    )  # fmt: skip
