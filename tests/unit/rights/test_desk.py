"""The staff's desk: same record, identity first, the clock, refusals, fees, next of kin."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heyan import clock as clocks
from heyan.access import Role
from heyan.accounts.models import Account
from heyan.consent.service import Evidence
from heyan.rights import acts, second_person, wording, workdays
from heyan.rights import requests as desk
from heyan.rights.models import RefusalGround, RightsCheck, RightsKind
from heyan.rights.states import WrongState
from tests.conftest import Clock
from tests.enrolment import Person, World, words_of
from tests.rights import fresh, handed_over, number_on, received, registered
from tests.staff import Colleague, colleague
from uploads_worker import rights_watch
from uploads_worker.context import Context

PROOF = "回拨登记号码，报出学员姓名和报名项目"


@pytest.fixture(scope="module")
def staff(world: World) -> Colleague:
    """Somebody at the service desk."""
    return colleague(world, Role.SERVICE)


@pytest.fixture(scope="module")
def officer(world: World) -> Colleague:
    """The privacy officer."""
    return colleague(world, Role.PRIVACY_OFFICER)


def phone_of(world: World, person: Person) -> str:
    with world.session() as session:
        return session.get_one(Account, person.account_id).login


def act(someone: Colleague, request_id: str, what: str, **fields: str) -> int:
    """Press one of the desk's buttons; returns the status."""
    page = f"/staff/rights/{request_id}"
    return someone.post(f"{page}/{what}", page=page, **fields).status_code


def checked(someone: Colleague, request_id: str) -> None:
    assert act(someone, request_id, "check", how="called_back", proof=PROOF) == 303


def row_of(world: World, request_id: str) -> object:
    (row,) = world.rows("SELECT * FROM rights_requests WHERE id = :r", r=uuid.UUID(request_id))
    return row


def test_a_call_makes_the_same_record_as_the_page(
    world: World, staff: Colleague, person: Person
) -> None:
    """S-050, G7, L-17: one table, one clock, whichever way it came."""
    by_phone = received(staff, kind="correct", phone=phone_of(world, person))
    student = person.student("李小")
    sent = fresh(world, person).post("/me/data/phone", phone="13700001111")
    assert sent.status_code == 303
    assert student
    by_web = sent.headers["Location"].rsplit("/", 1)[1]
    one, two = row_of(world, by_phone), row_of(world, by_web)
    assert one.kind == two.kind == "correct"  # type: ignore[attr-defined]
    assert one.due_at == two.due_at  # type: ignore[attr-defined]
    assert one.account_id == two.account_id == person.account_id  # type: ignore[attr-defined]


def test_nothing_is_answered_before_identity_was_checked(
    world: World, staff: Colleague, person: Person
) -> None:
    """S-061, S-068, G7: 409 without a check; the proof is gone when the case closes."""
    request_id = received(staff, kind="close", phone=phone_of(world, person))
    assert act(staff, request_id, "answer", answer="已办理") == 409
    assert act(staff, request_id, "carry-out") == 409
    refusal = {"ground": RefusalGround.LEGAL_DUTY.value, "answer": "依法不能"}
    assert act(staff, request_id, "refuse", **refusal) == 409
    checked(staff, request_id)
    assert row_of(world, request_id).proof is not None  # type: ignore[attr-defined]
    assert act(colleague(world, Role.SERVICE), request_id, "carry-out") == 303
    after = row_of(world, request_id)
    assert after.state == "done"  # type: ignore[attr-defined]
    assert after.proof is None  # type: ignore[attr-defined]
    (account,) = world.rows("SELECT status FROM accounts WHERE id = :a", a=person.account_id)
    assert account.status == "closed"


@pytest.mark.parametrize("kind", ["close", "delete"])
def test_who_checked_the_identity_does_not_end_the_account(
    world: World, staff: Colleague, person: Person, kind: str
) -> None:
    """SECURITY 30, S-061: a check is one person's word; another person carries it out."""
    request_id = received(staff, kind=kind, phone=phone_of(world, person))
    checked(staff, request_id)
    assert "要由另一位同事" in staff.get(f"/staff/rights/{request_id}").text
    assert act(staff, request_id, "carry-out") == 409
    (account,) = world.rows("SELECT status FROM accounts WHERE id = :a", a=person.account_id)
    assert account.status == "active"
    another = colleague(world, Role.SERVICE)
    assert "看核对经过" in another.get(f"/staff/rights/{request_id}").text
    assert act(another, request_id, "carry-out") == 303
    (account,) = world.rows("SELECT status FROM accounts WHERE id = :a", a=person.account_id)
    assert account.status == "closed"


def test_one_human_with_two_accounts_ends_no_account_in_fifty_tries_at_once(
    world: World, staff: Colleague, person: Person
) -> None:
    """C-50, SECURITY 30: one staff number; check and act race from both accounts."""
    number = f"E{uuid.uuid4().hex[:8]}"
    both = [colleague(world, Role.SERVICE, staff_number=number) for _each in range(2)]
    request_id = uuid.UUID(received(staff, kind="close", phone=phone_of(world, person)))
    refused = (desk.NotChecked, desk.SamePerson, WrongState)

    def hurry(turn: int) -> bool:
        with world.session() as session:
            actor = both[turn % 2].actor
            try:
                if turn % 5 == 0:
                    desk.check_identity(session, actor, request_id, RightsCheck.CALLED_BACK, PROOF)
                    return False
                acts.carry_out(session, actor, request_id, Evidence("192.0.2.1", "test"), "x")
            except refused:
                return False
            return True

    with ThreadPoolExecutor(10) as pool:
        assert not any(pool.map(hurry, range(50)))
    (account,) = world.rows("SELECT status FROM accounts WHERE id = :a", a=person.account_id)
    assert account.status == "active"
    assert row_of(world, str(request_id)).state == "open"  # type: ignore[attr-defined]
    assert act(staff, str(request_id), "carry-out") == 303


def test_words_are_hidden_until_a_reason_is_on_record(
    world: World, staff: Colleague, person: Person
) -> None:
    """G7, C-48: masked by default; every look is a line in the trail."""
    phone = phone_of(world, person)
    request_id = received(staff, kind="complaint", phone=phone, words="东门口没人接")
    page = staff.get(f"/staff/rights/{request_id}").text
    assert "东门口没人接" not in page
    assert phone not in page
    shown = staff.post(
        f"/staff/rights/{request_id}/reveal", page=f"/staff/rights/{request_id}", reason="handle"
    )
    assert "东门口没人接" in shown.text
    seen = world.rows(
        "SELECT reason FROM audit_entries WHERE action = 'rights.reveal' AND subject_id = :r",
        r=request_id,
    )
    assert [one.reason for one in seen] == ["handle"]


def test_the_clock_counts_working_days_with_worked_weekends(
    world: World, staff: Colleague, person: Person
) -> None:
    """L-17, L-20, numbers (rights): 1 to acknowledge, 5 to correct, 15 for the rest."""
    at = datetime(2026, 9, 18, 10, tzinfo=clocks.SHANGHAI)
    # Saturday 19 is free, Sunday 20 is worked, 25 to 27 are the Mid-Autumn holiday.
    assert clocks.local(workdays.after(at, 1).at).date() == date(2026, 9, 20)
    assert clocks.local(workdays.after(at, 5).at).date() == date(2026, 9, 24)
    # 28 to 30, then the National Day week, 8 to 10 October (Saturday 10 worked), 12 to 15.
    assert clocks.local(workdays.after(at, 15).at).date() == date(2026, 10, 15)
    assert workdays.missing_year(date(2026, 6, 1)) is None
    for kind in (RightsKind.EXPLAIN.value, RightsKind.COMPLAINT.value):
        row = row_of(world, received(staff, kind=kind))
        assert row.due_at == workdays.after(row.received_at, 15).at  # type: ignore[attr-defined]
    request_id = received(staff, kind="access", phone=phone_of(world, person))
    assert act(staff, request_id, "acknowledge") == 303
    assert "已经收到" in words_of(person.get("/me/notices"))


def test_a_year_that_was_not_announced_still_has_a_clock_and_is_asked_for(
    world: World, clock: Any, tmp_path: Path
) -> None:
    """L-17: weekdays without the fixed holidays; desk and health say so; a file adds the year."""
    with pytest.raises(workdays.YearUnknown):
        workdays.is_working(date(2031, 1, 4))
    # 1 to 3 October 2031 are Wednesday to Friday, fixed by law; Monday is the next.
    after = workdays.after(datetime(2031, 9, 30, 9, tzinfo=clocks.SHANGHAI), 1)
    assert (clocks.local(after.at).date(), after.provisional) == (date(2031, 10, 6), True)
    assert workdays.missing_year(date(2030, 6, 1)) == 2030
    assert workdays.missing_year(date(2026, 11, 30)) is None
    assert workdays.missing_year(date(2026, 12, 1)) == 2027
    december = datetime(2026, 12, 2, 9, tzinfo=clocks.SHANGHAI)
    if december > clocks.now():
        clock.move(december - clocks.now())
    year = workdays.missing_year(clocks.local(clocks.now()).date())
    asked = f"{year} 年的节假日安排还没有录入"
    officer = colleague(world, Role.PRIVACY_OFFICER)
    assert asked in words_of(officer.get("/staff"))
    notes = world.app.test_client().get("/readyz").get_json()["notes"]
    assert notes == {"working_days": f"missing {year}"}
    file = tmp_path / "days.json"
    file.write_text(f'{{"{year}": {{"off": ["{year}-01-04"], "work": ["{year}-01-10"]}}}}', "utf-8")
    workdays.use_file(file)
    try:
        assert not workdays.is_working(date(int(year or 0), 1, 4))
        assert workdays.is_working(date(int(year or 0), 1, 10))
        assert asked not in words_of(officer.get("/staff"))
        assert world.app.test_client().get("/readyz").get_json()["notes"] == {}
        for wrong in ("{", '{"2027": {"off": ["2026-01-01"], "work": []}}', '{"2027": []}'):
            file.write_text(wrong, "utf-8")
            with pytest.raises(workdays.FileUnusable):
                workdays.use_file(file)
    finally:
        workdays.use_file(None)


def test_what_is_late_is_reminded_of_and_goes_up(
    world: World, context: Context, staff: Colleague, officer: Colleague, clock: Clock
) -> None:
    """G7, S-009: colleagues are reminded, then the privacy officer is told, once each."""
    request_id = received(staff, kind="complaint")
    clock.move(timedelta(days=40))
    rights_watch.tend(context)
    rights_watch.tend(context)
    for someone, kind in ((staff, "rights_due"), (officer, "rights_overdue")):
        told = world.rows(
            "SELECT 1 FROM notices WHERE account_id = :a AND kind = :k"
            " AND params->>'rights_request_id' = :r",
            a=someone.account_id,
            k=kind,
            r=request_id,
        )
        assert len(told) == 1
    assert row_of(world, request_id).escalated_at is not None  # type: ignore[attr-defined]


def test_what_was_acknowledged_late_is_named_again_three_days_before_its_day(
    world: World, context: Context, staff: Colleague, clock: Clock
) -> None:
    """G7, S-009: the first reminder, of the acknowledgement, does not use up the second."""
    request_id = received(staff, kind="complaint")

    def told() -> int:
        rights_watch.tend(context)
        rows = world.rows(
            "SELECT 1 FROM notices WHERE account_id = :a AND kind = 'rights_due'"
            " AND params->>'rights_request_id' = :r",
            a=staff.account_id,
            r=request_id,
        )
        return len(rows)

    assert told() == 0
    clock.move(timedelta(days=9))
    assert told() == told() == 1
    due_at = row_of(world, request_id).due_at  # type: ignore[attr-defined]
    clock.move(due_at - timedelta(days=2) - clocks.now())
    assert told() == told() == 2


def test_a_refusal_needs_a_ground_its_text_and_a_second_person(
    world: World, staff: Colleague, officer: Colleague, person: Person
) -> None:
    """S-045, S-070, S-071, L-05: 422 without, 409 by one alone; the person reads it with remedy."""
    request_id = received(staff, kind="delete", phone=phone_of(world, person), ground="other")
    checked(staff, request_id)
    assert act(staff, request_id, "refuse", ground="", answer="不行") == 422
    ground = RefusalGround.HARM_TO_OTHERS.value
    assert act(staff, request_id, "refuse", ground=ground, answer="") == 422
    assert act(staff, request_id, "refuse", ground="8_no_time", answer="没空") == 422
    words = "这份记录里还有另一名学员的信息。"
    assert act(staff, request_id, "refuse", ground=ground, answer=words) == 303
    # Not sent before somebody else confirms.
    assert words not in person.get(f"/me/data/requests/{request_id}").text
    assert act(staff, request_id, "refuse/confirm") == 403
    other = received(officer, kind="delete", phone=phone_of(world, person), ground="other")
    checked(officer, other)
    assert act(officer, other, "refuse", ground=ground, answer=words) == 303
    assert act(officer, other, "refuse/confirm") == 409
    assert act(officer, request_id, "refuse/confirm") == 303
    read = words_of(person.get(f"/me/data/requests/{request_id}"))
    assert words in read
    assert "向人民法院提起诉讼" in read
    assert "没有获准" in words_of(person.get("/me/notices"))


def test_the_seven_grounds_are_the_policys() -> None:
    """S-071: seven codes in the policy's order, (5) holding two, each with its text."""
    assert len(RefusalGround) == 7
    assert [str(words)[:3] for words in wording.REFUSALS.values()] == [
        f"（{number}）" for number in range(1, 8)
    ]
    assert "主观恶意或滥用权利" in str(wording.REFUSALS[RefusalGround.ABUSE_OR_VITAL_INTEREST])


def test_only_a_repeated_request_may_cost_something_and_is_told_first(
    world: World, staff: Colleague, person: Person
) -> None:
    """S-069, L-19: a fee on the first request: 422; before it was told of: 409."""
    fee = {"yuan": "12.50", "record": "人工 0.5 小时，每小时 25 元"}
    first = received(staff, kind="access", phone=phone_of(world, person))
    assert act(staff, first, "fee", **fee) == 422
    assert act(staff, first, "fee/tell") == 422
    second = received(staff, kind="access", phone=phone_of(world, person))
    assert act(staff, second, "fee", **fee) == 409
    assert act(staff, second, "fee/tell") == 303
    assert act(staff, second, "fee", **fee) == 303
    assert row_of(world, second).fee_fen == 1250  # type: ignore[attr-defined]
    assert "12.50" in words_of(person.get(f"/me/data/requests/{second}"))


def test_next_of_kin_need_proof_and_two_other_approvers(
    world: World, staff: Colleague, officer: Colleague, person: Person
) -> None:
    """L-21, G8: death and kinship checked, two approvers, nobody counts twice, proof shredded."""
    administrator = colleague(world, Role.ADMINISTRATOR)
    request_id = received(staff, kind="next_of_kin", phone=phone_of(world, person))
    assert act(officer, request_id, "approve") == 409
    checked(staff, request_id)
    assert act(staff, request_id, "answer", answer="给您") == 409
    assert act(officer, request_id, "approve") == 303
    assert act(officer, request_id, "approve") == 409
    assert act(staff, request_id, "answer", answer="给您") == 409
    assert act(administrator, request_id, "approve") == 303
    assert act(staff, request_id, "answer", answer="给您相关记录的副本") == 303
    assert row_of(world, request_id).proof is None  # type: ignore[attr-defined]


def test_one_person_is_one_approval_under_fifty_clicks(
    world: World, staff: Colleague, officer: Colleague
) -> None:
    """L-21, S-070: fifty requests at once count once."""
    request_id = uuid.UUID(received(staff, kind="next_of_kin"))
    checked(staff, str(request_id))

    def once(_number: int) -> bool:
        with world.session() as session:
            try:
                second_person.approve_kin(session, officer.actor, request_id)
            except desk.SamePerson:
                return False
            return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(once, range(50))) == 1


def test_a_correction_is_safe_at_once_or_decided_and_the_organizer_told(
    world: World, context: Context, staff: Colleague, person: Person
) -> None:
    """G2, S-048: self-service where nothing was submitted; else staff; no old value stays."""
    person.student("王新")
    page = person.get("/me/data/correct").text
    free = re.search(r'value="(student_name:[0-9a-f-]{36})"', page)
    assert free
    person.post("/me/data/correct", subject=free[1], wanted="王欣")
    assert "王欣" in person.get("/students").text
    registration, document = registered(world, context, person)
    handed_over(world, document)
    (row,) = world.rows("SELECT student_id AS s FROM registrations WHERE id = :r", r=registration)
    sent = person.post(
        "/me/data/correct", subject=f"student_name:{row.s}", wanted="王晓满", words="字写错了"
    )
    request_id = sent.headers["Location"].rsplit("/", 1)[1]
    assert "王晓满" not in person.get("/students").text
    assert act(staff, request_id, "carry-out") == 303
    assert "王晓满" in person.get("/students").text
    told = world.rows("SELECT news FROM rights_parties WHERE registration_id = :r", r=registration)
    assert [one.news for one in told] == ["corrected"]
    assert row_of(world, request_id).wanted is None  # type: ignore[attr-defined]
    trail = world.rows(
        "SELECT details::text AS d FROM audit_entries WHERE action IN"
        " ('students.correct', 'rights.close', 'rights.receive') AND actor_id IN (:p, :s)",
        p=person.account_id,
        s=staff.account_id,
    )
    assert trail
    assert not any("王" in one.d for one in trail)


def test_a_complaint_without_an_account_gets_a_number_and_a_written_answer(
    world: World, staff: Colleague
) -> None:
    """S-009, L-20, L-32: anyone asks, the answer reaches them by the number."""
    anyone = Person(world.app.test_client(), uuid.uuid4(), "")
    asked = anyone.post("/ask", kind="explain", words="第五条是什么意思", reply_to="")
    assert asked.status_code == 200
    number = number_on(asked.text)
    waiting = anyone.post("/ask/status", page="/ask", number=number.lower().replace("-", " "))
    assert "办理中" in words_of(waiting)
    (row,) = world.rows("SELECT id FROM rights_requests WHERE number = :n", n=number)
    assert act(staff, str(row.id), "answer", answer="第五条讲的是您的权利。") == 303
    answered = anyone.post("/ask/status", page="/ask", number=number)
    assert "第五条讲的是您的权利。" in answered.text
    wrong = anyone.post("/ask/status", page="/ask", number="Q-2222-2222-2222")
    assert wrong.status_code == 422


def test_requests_go_three_years_after_they_were_closed(
    world: World, context: Context, staff: Colleague, clock: Clock
) -> None:
    """S-011, numbers (rights requests, refusals): close and three years, then deleted."""
    request_id = received(staff, kind="complaint")
    assert act(staff, request_id, "answer", answer="谢谢") == 303
    rights_watch.expire(context)
    assert row_of(world, request_id)
    clock.move(timedelta(days=1096))
    rights_watch.expire(context)
    assert not world.rows("SELECT 1 FROM rights_requests WHERE id = :r", r=uuid.UUID(request_id))


def test_the_home_and_the_queue_say_what_waits(world: World, staff: Colleague) -> None:
    """G7: count and overdue on the staff's home, the missing year named in the queue."""
    received(staff, kind="complaint")
    assert "没有办结的权利请求" in words_of(staff.get("/staff"))
    assert staff.get("/staff/rights?view=overdue").status_code == 200
