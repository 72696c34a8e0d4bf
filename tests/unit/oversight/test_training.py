"""Training, exam and the rules of the house keep L3 closed until they are there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from heyan import clock
from heyan.access import Role, Scenario
from heyan.approvals import requests
from heyan.audit.service import Actor
from heyan.oversight import fitness, training
from heyan.oversight.fitness import NotFit
from heyan.oversight.models import Training, TrainingKind
from tests.assessments import write
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague
from uploads_worker import oversight
from uploads_worker.context import Context


def _approved(world: World, clerk: Colleague, registration: str) -> uuid.UUID:
    with world.session() as session:
        asked = requests.ask(
            session, clerk.actor, level=3, scenario=Scenario.REGISTRATIONS,
            subject_kind="registration", subject_ids=[uuid.UUID(registration)],
            purpose="complaint", hours=8,
        )  # fmt: skip
        officer = colleague(world, Role.PRIVACY_OFFICER)
        requests.decide(session, officer.actor, asked.id, approve=True, reason="可以")
        return asked.id


def test_an_expired_exam_ends_l3_until_it_is_passed_again(world: World) -> None:
    """S-081, I8: an approval that stands opens nothing for who is no longer examined."""
    clerk, officer = colleague(world, Role.SERVICE), colleague(world, Role.PRIVACY_OFFICER)
    student = world.person()
    registration, _document = student.submitted(world.event().slug)
    made = _approved(world, clerk, registration)
    page = f"/staff/approvals/records/{registration}/sensitive"
    with world.session() as session:
        assert requests.confirmed(session, made) is not None
    until = "UPDATE trainings SET valid_until = :u WHERE account_id = :a AND kind = 'exam'"
    now = clock.now()
    write(world, until, a=clerk.account_id, u=now - timedelta(hours=1))
    with world.session() as session:
        assert requests.confirmed(session, made) is None
        with pytest.raises(NotFit):
            fitness.require_fit(session, clerk.account_id)
    assert clerk.get(page).status_code in (403, 404)
    asking = f"/staff/approvals/new?kind=registration&id={registration}"
    fields = {"scenario": "registrations", "purpose": "complaint", "hours": "1", "note": "投诉"}
    refused = clerk.post(asking, **fields)
    assert refused.status_code == 403
    assert "考试没有登记或已过期" in words_of(refused)
    write(world, until, a=clerk.account_id, u=now + timedelta(days=300))
    with world.session() as session:
        assert requests.confirmed(session, made) is not None
    assert officer.get("/staff/oversight/training").status_code == 200


def test_a_rule_that_is_not_accepted_in_time_ends_l3(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-080: version and acknowledgement; after the day L3 is off until it is accepted."""
    clerk, officer = colleague(world, Role.SERVICE), colleague(world, Role.PRIVACY_OFFICER)
    today = clock.local(clock.now()).date()
    title = f"安全管理制度{uuid.uuid4().hex[:6]}"
    sent = officer.post(
        "/staff/oversight/rules/new", title=title, words="查看之前先想一想。", due=str(today)
    )
    assert sent.status_code == 303, words_of(sent)
    shown = clerk.get("/staff/oversight/training")
    assert title in words_of(shown)
    with world.session() as session:
        (rule,) = [r for r in fitness.unaccepted(session, clerk.account_id) if r.title == title]
        assert not fitness.lacking(session, clerk.account_id)
    late = datetime.now(UTC) + timedelta(days=1, hours=1)
    with monkeypatch.context() as later:
        later.setattr(clock, "now", lambda: late)
        with world.session() as session:
            assert "rule" in fitness.lacking(session, clerk.account_id)
        path = f"/staff/oversight/rules/{rule.id}/accept"
    for _twice in range(2):
        assert clerk.post(path, page="/staff/oversight/training").status_code == 303
    with monkeypatch.context() as later, world.session() as session:
        later.setattr(clock, "now", lambda: late)
        assert title not in [r.title for r in fitness.unaccepted(session, clerk.account_id)]
    noted = world.rows(
        "SELECT 1 FROM audit_entries WHERE actor_id = :a AND action = 'oversight.accept_rule'",
        a=str(clerk.account_id),
    )
    assert len(noted) == 1
    # The tests beside this one go on: everyone else accepts it too.
    with world.session() as session:
        for one in training.colleagues(session):
            training.acknowledge(session, Actor("staff", one.id), rule.id)


def test_training_is_recorded_by_somebody_else_for_a_year_at_most(world: World) -> None:
    """S-081: dates, validity, and never one's own."""
    officer, clerk = colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.SERVICE)
    today = clock.local(clock.now()).date()
    page = "/staff/oversight/training/people"
    good = {
        "account": str(clerk.account_id), "kind": "exam", "passed": str(today),
        "until": str(today + timedelta(days=300)),
    }  # fmt: skip
    assert officer.post(page, **good).status_code == 303
    assert officer.post(page, **good | {"account": str(officer.account_id)}).status_code == 422
    assert (
        officer.post(page, **good | {"until": str(today + timedelta(days=400))}).status_code == 422
    )
    assert clerk.get(page).status_code == 403
    with world.session() as session, pytest.raises(IntegrityError):
        now = clock.now()
        session.add(
            Training(
                account_id=officer.account_id, kind=TrainingKind.EXAM, passed_at=now,
                valid_until=now + timedelta(days=1), recorded_by=officer.account_id,
                recorded_at=now,
            )
        )  # fmt: skip
        session.flush()


def test_who_is_due_for_training_hears_of_it_once_a_mark(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-081: reminded thirty days before it ends, not every hour; and told when it is over."""
    clerk = colleague(world, Role.SERVICE)

    def told(kind: str) -> int:
        query = "SELECT 1 FROM notices WHERE account_id = :a AND kind = :k"
        return len(world.rows(query, a=str(clerk.account_id), k=kind))

    # Those who were told before hide nobody who comes after them.
    monkeypatch.setattr(oversight, "BATCH", 2)
    for days, kind, count in ((200, "training_ending", 0), (275, "training_ending", 2)):
        with monkeypatch.context() as later:
            moment = datetime.now(UTC) + timedelta(days=days)
            later.setattr(oversight.clock, "now", lambda moment=moment: moment)
            oversight.tend_oversight(context)
            oversight.tend_oversight(context)
        assert told(kind) == count
