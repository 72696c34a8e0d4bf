"""What staff do too much of reaches the privacy officer, and nobody closes their own."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import TextClause, text

from heyan import clock
from heyan.access import Role, Scenario
from heyan.approvals import requests
from heyan.audit.service import OPERATOR, WORKER, Actor, record
from heyan.db import transaction
from heyan.oversight import alerts
from heyan.oversight.alerts import crossings
from heyan.oversight.models import StaffAlert
from heyan.oversight.rules import BY_KEY
from tests.approvals import somebody, while_granted
from tests.enrolment import World, words_of
from tests.oversight import entries
from tests.staff import Colleague, colleague
from uploads_worker import oversight
from uploads_worker.context import Context

LIST = "/staff/oversight/alerts"


def _of(world: World, someone: Colleague, rule: str) -> list[StaffAlert]:
    with world.session() as session:
        rows = session.query(StaffAlert).filter_by(account_id=someone.account_id, rule=rule)
        return list(rows)


def test_the_51st_reveal_in_an_hour_alerts_the_privacy_officer_once(
    world: World, context: Context
) -> None:
    """S-089, I5: fifty are work; the next one is told at once, and once an hour."""
    officer, clerk = colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.SERVICE)
    entries(world, clerk.account_id, "leads.revealed", 50)
    oversight.watch_staff(context)
    assert not _of(world, clerk, "reveals")
    entries(world, clerk.account_id, "contacts.revealed", 1)
    oversight.watch_staff(context)
    oversight.watch_staff(context)
    oversight.tend_oversight(context)
    (alert,) = _of(world, clerk, "reveals")
    assert alert.found == 51
    assert "一小时内查看联系信息超过 50 次" in words_of(officer.get(LIST))
    told = world.rows(
        "SELECT 1 FROM notices WHERE account_id = :a AND kind = 'staff_alert'",
        a=str(officer.account_id),
    )
    assert told
    # Nobody but who watches sees the queue.
    assert clerk.get(LIST).status_code == 403


def test_sensitive_views_and_denials_raise_alerts_at_their_numbers(
    world: World, context: Context
) -> None:
    """S-089, CONTROLS 5 staff alarms: more than 20 sensitive views a day, 5 denials an hour."""
    clerk, other = colleague(world, Role.SERVICE), colleague(world, Role.SERVICE)
    entries(world, clerk.account_id, "records.sensitive", 20)
    entries(world, other.account_id, "access.denied", 4, outcome="denied")
    oversight.watch_staff(context)
    assert not _of(world, clerk, "sensitive")
    assert not _of(world, other, "denials")
    entries(world, clerk.account_id, "viewings.fetch", 1)
    entries(world, other.account_id, "access.denied", 1, outcome="denied")
    oversight.watch_staff(context)
    assert len(_of(world, clerk, "sensitive")) == 1
    assert len(_of(world, other, "denials")) == 1


def test_work_at_night_is_told_and_signing_in_is_not_work(
    world: World, context: Context, monkeypatch: object
) -> None:
    """S-089: from 22:00 to 6:00 in Shanghai any act at work; 5:59 counts, 6:00 does not."""
    at_night, by_day = colleague(world, Role.SERVICE), colleague(world, Role.SERVICE)
    asleep = colleague(world, Role.SERVICE)
    today = clock.local(clock.now()).replace(hour=5, minute=59, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    for someone, moment, action in (
        (at_night, yesterday, "leads.listed"),
        (by_day, yesterday + timedelta(minutes=1), "leads.listed"),
        (asleep, yesterday, "accounts.sign_in"),
    ):
        _entry_at(world, someone, moment, action)
    oversight.tend_oversight(context)
    assert len(_of(world, at_night, "night")) == 1
    assert not [one for one in _of(world, by_day, "night") if one.crossed_at < today]
    assert not [one for one in _of(world, asleep, "night") if one.crossed_at < today]


def _entry_at(world: World, someone: Colleague, moment: object, action: str) -> None:
    from heyan.audit.models import AuditEntry

    with world.session() as session:
        session.add(
            AuditEntry(
                at=moment, actor_kind="staff", actor_id=someone.account_id, action=action,
                subject_kind="lead", outcome="done", details={},
            )
        )  # fmt: skip
        session.commit()


def test_looking_at_ones_own_name_is_told_without_keeping_the_name(
    world: World, context: Context
) -> None:
    """S-089: compared in the verb; the trail holds that it was so, not the name."""
    event = world.event()
    student = world.person()
    registration, _document = student.submitted(event.slug)
    name = world.rows("SELECT id FROM students WHERE account_id = :a", a=str(student.account_id))
    assert name
    namesake = colleague(world, Role.SERVICE, name="王小满（客服）")
    other = colleague(world, Role.SERVICE)
    with while_granted(world, Role.SERVICE, Scenario.REGISTRATIONS):
        for someone in (namesake, other):
            page = f"/staff/approvals/records/{registration}"
            sent = someone.post(f"{page}/reveal", page=page, reason="serve")
            assert sent.status_code == 200, words_of(sent)
    oversight.watch_staff(context)
    assert len(_of(world, namesake, "own_name")) == 1
    assert not _of(world, other, "own_name")
    (entry,) = world.rows(
        "SELECT details::text AS d FROM audit_entries"
        " WHERE actor_id = :a AND action = 'records.revealed'",
        a=str(namesake.account_id),
    )
    assert "王小满" not in entry.d


def test_whom_an_alert_is_about_never_closes_it_and_a_reason_is_needed(
    world: World, context: Context
) -> None:
    """S-089, C-50: not by oneself; an administrator looks at what is about the officer."""
    officer, administrator = (
        colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.ADMINISTRATOR),
    )  # fmt: skip
    entries(world, officer.account_id, "rights.reveal", 51)
    oversight.watch_staff(context)
    (alert,) = _of(world, officer, "reveals")
    page = f"{LIST}/{alert.id}"
    assert officer.post(page, page=LIST, reason="没事").status_code == 403
    assert administrator.post(page, reason="").status_code == 422
    assert administrator.post(page, reason="核对了名单，属于通知演练").status_code == 303
    assert administrator.post(page, page=LIST, reason="再关一次").status_code == 409
    (closed,) = _of(world, officer, "reveals")
    assert closed.closed_by == administrator.account_id


def test_what_the_worker_opens_in_an_hour_is_counted_outside_it(world: World) -> None:
    """CONTROLS, threat "worker host controlled": the web counts, and raises once an hour.

    A first opening for a batch and an approved copy have a reason; 21 openings without do not.
    """
    student = world.person()
    _registration, document = student.submitted(world.event().slug)
    hour = timedelta(hours=1)
    with world.session() as session:
        had = alerts.unasked_openings(session, clock.now() - hour)
        session.execute(_opened(document))
        session.commit()
        assert alerts.unasked_openings(session, clock.now() - hour) == had
        asked = requests.ask(
            session, somebody(session, Role.SERVICE), level=4, scenario=Scenario.REGISTRATIONS,
            subject_kind="document", subject_ids=[uuid.UUID(document)], purpose="dispute", hours=1,
        )  # fmt: skip
        for role in (Role.PRIVACY_OFFICER, Role.ADMINISTRATOR):
            requests.decide(session, somebody(session, role), asked.id, approve=True, reason="是")
        session.execute(_opened(document, "staff_copy_made"))
        session.commit()
        assert alerts.unasked_openings(session, clock.now() - hour) == had
        for _time in range(BY_KEY["openings"].most - had):
            session.execute(_opened(document))
        session.commit()
        assert not alerts.watch_openings(session, OPERATOR)
        session.execute(_opened(document))
        with transaction(session):
            record(session, Actor("public"), "trial.of_a_visitor", "lead")
            record(session, WORKER, "trial.of_the_worker", "release")
        assert alerts.watch_openings(session, OPERATOR)
        assert not alerts.watch_openings(session, OPERATOR)
        raised = next(one for one in alerts.listed(session) if one.rule == "openings")
        acts = {action for action, _count in alerts.get(session, raised.id)[1]}
        assert "trial.of_the_worker" in acts
        assert "trial.of_a_visitor" not in acts


def _opened(document: str, step: str = "prepared") -> TextClause:
    return text(
        "INSERT INTO custody_events (id, document_id, step, at, policy_version, details)"
        " VALUES (gen_random_uuid(), CAST(:d AS uuid), CAST(:s AS custody_step), now(), 'trial',"
        " '{}')"
    ).bindparams(d=document, s=step)


def test_a_window_slides_and_is_told_once() -> None:
    """S-089: 30 before and 30 after the full hour are 60 in an hour."""
    start = clock.now()
    times = [start + timedelta(minutes=one) for one in range(120)]
    found = crossings(times, 50, timedelta(hours=1))
    assert [count for _at, count in found] == [51, 60]
    assert found[1][0] - found[0][0] == timedelta(hours=1)
