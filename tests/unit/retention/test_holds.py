"""What an authority ordered to be kept survives everything until two people release it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from heyan import clock as clocks
from heyan import web
from heyan.access import Role
from heyan.accounts.models import Account
from heyan.leads.models import Lead, LeadStatus
from heyan.leads.service import phone_index
from heyan.retention import holds
from heyan.retention.errors import AlreadySettled, NotTheOther
from heyan.retention.models import HoldSubject
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.keeping import ORDER, hold, pair, release
from tests.staff import colleague
from tests.worker import Case, audit_of, opened, submit
from uploads_worker import endings, sweep
from uploads_worker.context import Context
from uploads_worker.keeping import holds_journal
from uploads_worker.keeping.first_rules import RULES


def state(world: World, case: Case) -> str:
    return str(world.rows("SELECT state FROM documents WHERE id = :d", d=case.document_id)[0][0])


def account_of(world: World, case: Case) -> uuid.UUID:
    found: uuid.UUID = world.rows(
        "SELECT account_id FROM registrations WHERE id = :r", r=case.registration_id
    )[0][0]
    return found


def number(world: World, case: Case) -> object:
    return world.rows(
        "SELECT id_number_sealed FROM registrations WHERE id = :r", r=case.registration_id
    )[0][0]


def events_due(context: Context) -> int:
    """How many events are past their last day."""
    events = next(one for one in RULES if one.name == "events")
    with context.sessions() as session:
        return events.due(session, clocks.now())


@pytest.mark.parametrize("kind", ["account", "student", "registration", "document"])
def test_a_hold_survives_sweep_closing_and_the_events_end(
    world: World, context: Context, clock: Clock, kind: str
) -> None:
    """S-059, H3: the event's key lives on for it, and dies with the release."""
    case, people = submit(world, context), pair(world)
    row = world.rows(
        "SELECT account_id, student_id FROM registrations WHERE id = :r", r=case.registration_id
    )[0]
    subject = {
        "account": row[0],
        "student": row[1],
        "registration": case.registration_id,
        "document": case.document_id,
    }[kind]
    held = hold(world, kind, subject, people=people, days=600)
    # Closed at the owner's wish: withdrawn, and yet there.
    runner = world.app.test_cli_runner()
    with world.app.app_context():
        phone = web.session().get_one(Account, row[0]).login
    runner.invoke(args=["registrations", "close-account", "--phone", phone, "--yes"])
    sweep.BROOMS["documents"](context)
    sweep.BROOMS["closed_accounts"](context)
    clock.move(timedelta(days=400))
    endings.end_event(context, case.event_id)
    sweep.BROOMS["answers"](context)
    sweep.BROOMS["id_numbers"](context)
    assert state(world, case) != "destroyed"
    assert opened(context, case.document_id)
    assert number(world, case) is not None
    assert world.rows("SELECT status FROM events WHERE id = :e", e=case.event_id)[0][0] != "ended"
    assert (
        world.rows("SELECT login_index = uuid_send(id) FROM accounts WHERE id = :a", a=row[0])[0][0]
        is False
    )
    # The figure does not call it overdue, until the hold is released.
    others = events_due(context)
    release(world, held, people)
    assert events_due(context) == others + 1
    endings.end_event(context, case.event_id)
    assert events_due(context) == others
    sweep.BROOMS["closed_accounts"](context)
    sweep.BROOMS["answers"](context)
    assert state(world, case) == "destroyed"
    assert number(world, case) is None
    assert world.rows("SELECT status FROM events WHERE id = :e", e=case.event_id)[0][0] == "ended"
    assert world.rows("SELECT login_index = uuid_send(id) FROM accounts WHERE id = :a", a=row[0])[
        0
    ][0]
    assert [one["outcome"] for one in audit_of(world, "holds.release", held)] == ["done"]


def test_what_is_not_held_in_the_same_event_goes(world: World, context: Context) -> None:
    """S-059: an order keeps what it names, no more."""
    case = submit(world, context)
    other_registration, other = world.person().submitted(case.slug)
    hold(world, "document", case.document_id)
    endings.end_event(context, case.event_id)
    assert state(world, case) != "destroyed"
    gone = world.rows("SELECT state FROM documents WHERE id = :d", d=uuid.UUID(other))
    assert gone[0][0] == "destroyed"
    left = world.rows(
        "SELECT id_number_sealed FROM registrations WHERE id = :r", r=uuid.UUID(other_registration)
    )
    assert left[0][0] is None


def test_a_hold_ends_by_itself_on_its_day(world: World, context: Context, clock: Clock) -> None:
    case = submit(world, context)
    hold(world, "document", case.document_id, days=10)
    with context.sessions() as session:
        assert holds.held(session, "document", case.document_id)
        assert holds.held(session, "registration", case.registration_id)
        assert holds.held(session, "account", account_of(world, case))
    clock.move(timedelta(days=11))
    with context.sessions() as session:
        assert not holds.held(session, "document", case.document_id)


def test_a_lead_under_an_order_outlives_its_ninety_days(
    world: World, context: Context, clock: Clock
) -> None:
    lead = uuid.uuid4()
    with world.session() as session:
        session.add(
            Lead(
                id=lead, name="王", phone="+8613800138000", phone_index=lead.bytes,
                status=LeadStatus.CLOSED, due_at=clocks.now(), created_at=clocks.now(),
                updated_at=clocks.now(), delete_after=clocks.now(),
            )
        )  # fmt: skip
        session.commit()
    people = pair(world)
    held = hold(world, "lead", lead, people=people)
    clock.move(timedelta(days=1))
    sweep.BROOMS["leads"](context)
    assert world.rows("SELECT 1 FROM leads WHERE id = :l", l=lead)
    release(world, held, people)
    sweep.BROOMS["leads"](context)
    assert not world.rows("SELECT 1 FROM leads WHERE id = :l", l=lead)


def test_it_takes_the_privacy_officer_and_an_administrator(world: World, context: Context) -> None:
    """S-059, C-50: not one person, not two of a kind, not fifty requests at once."""
    case = submit(world, context)
    officer, administrator = pair(world)
    second, service = colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.SERVICE)
    ends = clocks.now() + timedelta(days=5)
    with world.session() as session:
        with pytest.raises(NotTheOther):
            holds.ask(
                session, service.actor, subject_kind=HoldSubject.DOCUMENT,
                subject_id=case.document_id, order=ORDER, ends_at=ends,
            )  # fmt: skip
        row = holds.ask(
            session, officer.actor, subject_kind=HoldSubject.DOCUMENT,
            subject_id=case.document_id, order=ORDER, ends_at=ends,
        )  # fmt: skip
        for wrong in (officer, second, service):
            with pytest.raises(NotTheOther):
                holds.approve(session, wrong.actor, row.id)
        assert not holds.held(session, "document", case.document_id)
        hold_id = row.id

    def at_once(_number: int) -> bool:
        with world.session() as session:
            try:
                holds.approve(session, administrator.actor, hold_id)
            except AlreadySettled:
                return False
            return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(at_once, range(50))) == 1
    assert len(audit_of(world, "holds.approve", hold_id)) == 1


def test_an_order_goes_its_way_through_the_pages(world: World, context: Context) -> None:
    """S-059: entered by one, approved by the other; the page says what it keeps."""
    case = submit(world, context)
    officer, administrator = pair(world)
    until = clocks.local(clocks.now() + timedelta(days=30))
    fields = {
        "authority": ORDER.authority,
        "order_number": ORDER.order_number,
        "statute": ORDER.statute,
        "scope": ORDER.scope,
        "kind": "document",
        "subject": str(case.document_id),
        "until": f"{until:%Y-%m-%d}",
    }
    wrong = officer.post("/staff/retention/holds/new", **{**fields, "subject": str(uuid.uuid4())})
    assert wrong.status_code == 422
    assert "没有这个编号的记录" in words_of(wrong)
    assert officer.post("/staff/retention/holds/new", **fields).status_code == 303
    hold_id = world.rows("SELECT id FROM legal_holds WHERE subject_id = :d", d=case.document_id)[0][
        0
    ]
    page = f"/staff/retention/holds/{hold_id}"
    assert "批准保全" not in officer.get(page).text
    assert officer.post(page, action="approve").status_code == 403
    assert administrator.post(page, action="approve").status_code == 303
    assert "保全中" in words_of(officer.get("/staff/retention/holds"))
    assert administrator.post(page, action="approve").status_code == 409
    assert administrator.post(page, action="ask_release").status_code == 303
    assert administrator.post(page, action="release").status_code == 403
    assert officer.post(page, action="release").status_code == 303
    assert "已解除" in words_of(officer.get(page))
    clerk = colleague(world, Role.SERVICE)
    assert clerk.get("/staff/retention/holds").status_code == 403


def test_a_restore_forgets_no_hold_and_no_release(world: World, context: Context) -> None:
    """S-059, H4: what the database lost is put back from the journal before anything is swept."""
    case, people = submit(world, context), pair(world)
    first = hold(world, "document", case.document_id, people=people)
    second = hold(world, "registration", case.registration_id, people=people)
    holds_journal.note(context)
    release(world, second, people)
    holds_journal.note(context)
    with world.owner.begin() as connection:
        connection.execute(text("DELETE FROM legal_holds WHERE id = :h"), {"h": first})
        connection.execute(
            text("UPDATE legal_holds SET released_at = NULL WHERE id = :h"), {"h": second}
        )
    assert holds_journal.replay(context) == 2
    assert holds_journal.replay(context) == 0
    with context.sessions() as session:
        assert holds.held(session, "document", case.document_id)
    left = world.rows("SELECT released_at FROM legal_holds WHERE id = :h", h=second)
    assert left[0][0] is not None
    text_of = (context.settings.anchors / holds_journal.NAME).read_text("utf-8")
    assert ORDER.scope not in text_of


def test_what_is_kept_by_an_order_alone_is_invisible_to_staff(
    world: World, context: Context, clock: Clock
) -> None:
    """S-055, L-11: a held lead past its period: no list, no dial list, no page, no search."""
    lead = uuid.uuid4()
    phone = "+8613900139001"
    with world.session() as session:
        session.add(
            Lead(
                id=lead, name="吴小雨", phone=phone, phone_index=phone_index(phone),
                status=LeadStatus.OPEN, due_at=clocks.now(), created_at=clocks.now(),
                updated_at=clocks.now(), delete_after=clocks.now() + timedelta(days=1),
            )
        )  # fmt: skip
        session.commit()
    clerk = colleague(world, Role.SERVICE)
    assert str(lead) in clerk.get("/staff/leads").text
    hold(world, "lead", lead)
    clock.move(timedelta(days=2))
    sweep.BROOMS["leads"](context)
    assert world.rows("SELECT 1 FROM leads WHERE id = :l", l=lead)
    clerk = colleague(world, Role.SERVICE)
    for view in ("", "?view=call", "?view=overdue", "?view=unassigned"):
        assert str(lead) not in clerk.get(f"/staff/leads{view}").text
    assert clerk.get(f"/staff/leads/{lead}").status_code == 404
    found = clerk.post("/staff/contacts/search", page="/staff/contacts", phone="13900139001")
    assert str(lead) not in found.text
