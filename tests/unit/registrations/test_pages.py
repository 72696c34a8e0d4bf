"""Enrolment through the front door: one step a page, saved, resumable, and only one's own."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from heyan import clock
from heyan.audit.service import Actor
from heyan.events.models import DocumentKind, EventStatus
from heyan.registrations import service, submission
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.steps import Step, progress_of
from heyan.students.models import Relation
from heyan.students.service import bind_student
from tests.enrolment import BORN, Person, World, hidden_fields, id_number, picture, words_of


def young() -> str:
    """A birth date 13 years and 364 days before today in Shanghai."""
    today = clock.local(clock.now()).date()
    day = today + timedelta(days=1)
    return f"{day.year - 14}-{day.month:02d}-{min(day.day, 28) if day.month == 2 else day.day:02d}"


def test_the_whole_way_ends_with_a_receipt_and_a_number(person: Person, world: World) -> None:
    """C1."""
    event = world.event()
    registration, document = person.submitted(event.slug)
    receipt = person.get(f"/registrations/{registration}")
    year = clock.local(clock.now()).year
    assert f"{event.number_prefix}-{year}-00001" in receipt.text
    assert f"/documents/{document}" in receipt.text
    assert "报名已提交" in words_of(receipt)


def test_each_step_is_saved_and_the_next_open_one_is_shown(person: Person, world: World) -> None:
    """C1."""
    registration = person.start(world.event().slug, person.student())
    assert person.answer(registration).headers["Location"].endswith("/consents")
    again = person.get(f"/registrations/{registration}")
    assert again.headers["Location"].endswith("/consents")
    assert "第一中学" in person.get(f"/registrations/{registration}/fields").text


def test_starting_twice_resumes_the_same_draft(person: Person, world: World) -> None:
    event, student = world.event(), person.student()
    assert person.start(event.slug, student) == person.start(event.slug, student)


def test_fields_the_event_does_not_ask_change_nothing(person: Person, world: World) -> None:
    """C-48."""
    registration = person.start(world.event().slug, person.student())
    person.post(
        f"/registrations/{registration}/fields",
        field_school="一中",
        field_group="小学",
        field_evil="x",
        status="verified",
        account_id=str(uuid.uuid4()),
        number="FAKE-1",
    )
    rows = world.rows(
        "SELECT field_key FROM registration_answers WHERE registration_id = :r", r=registration
    )
    assert {row.field_key for row in rows} == {"school", "group", "size"}
    (row,) = world.rows(
        "SELECT status, number, account_id FROM registrations WHERE id = :r", r=registration
    )
    assert (row.status, row.number, row.account_id) == ("draft", None, person.account_id)


def test_a_missing_answer_is_named_and_the_others_are_kept(person: Person, world: World) -> None:
    registration = person.start(world.event().slug, person.student())
    path = f"/registrations/{registration}/fields"
    sent = person.post(path, field_school="第一中学", field_size="大号")
    assert sent.status_code == 422
    assert 'value="第一中学"' in sent.text
    assert "请选择「组别」" in sent.text
    assert "请只填数字" in sent.text


def test_a_choice_that_was_not_offered_is_refused(person: Person, world: World) -> None:
    registration = person.start(world.event().slug, person.student())
    path = f"/registrations/{registration}/fields"
    assert person.post(path, field_school="一中", field_group="大学").status_code == 422


def test_neither_consent_is_ticked_beforehand_and_refusing_is_as_easy(
    person: Person, world: World
) -> None:
    """A1, A7."""
    event = world.event()
    registration = person.start(event.slug, person.student())
    person.answer(registration)
    page = person.get(f"/registrations/{registration}/consents")
    assert " checked" not in page.text
    assert 'value="refuse"' in page.text
    assert "010-88880000" in page.text
    refused = person.post(f"/registrations/{registration}/consents", action="refuse")
    assert "您选择了不同意" in refused.text
    half = person.post(
        f"/registrations/{registration}/consents", identity_documents="yes", action="agree"
    )
    assert half.status_code == 422
    asked = world.rows("SELECT 1 FROM consent_records WHERE registration_id = :r", r=registration)
    assert asked == []


def test_each_consent_is_a_row_of_its_own_with_the_text_shown(person: Person, world: World) -> None:
    """A2, A7."""
    registration = person.start(world.event().slug, person.student())
    person.answer(registration)
    person.agree(registration)
    rows = world.rows(
        "SELECT purpose, text_shown, details FROM consent_records WHERE registration_id = :r"
        " ORDER BY purpose",
        r=registration,
    )
    assert [row.purpose for row in rows] == ["hand_over", "identity_documents"]
    assert "华北科教协会" in rows[0].text_shown
    assert "010-88880000" in rows[0].text_shown
    assert rows[0].details["organization_version"] == 1


def test_the_number_is_sealed_and_only_its_tail_stays(person: Person, world: World) -> None:
    """C2, SECURITY 10."""
    registration = person.ready(world.event().slug)
    (row,) = world.rows(
        "SELECT registrations::text AS all, id_number_sealed FROM registrations WHERE id = :r",
        r=registration,
    )
    assert bytes(row.id_number_sealed).startswith(b"HYS1")
    assert id_number() not in row.all
    assert id_number().encode().hex() not in row.all
    page = person.get(f"/registrations/{registration}/identity").text
    assert id_number()[-4:] in page
    assert id_number() not in page


def test_the_number_waits_for_the_consent(person: Person, world: World) -> None:
    """A1, A7."""
    registration = person.start(world.event().slug, person.student())
    person.answer(registration)
    token = hidden_fields(person.get("/students/new").text)
    sent = person.client.post(
        f"/registrations/{registration}/identity", data={**token, "id_number": id_number()}
    )
    assert sent.headers["Location"].endswith("/consents")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1101052008030400", "现在是 16 位"),
        (id_number()[:-1] + ("0" if id_number()[-1] != "0" else "1"), "校验码对不上"),
        (id_number("2009-03-04"), "学员资料中的不一致"),
    ],
)
def test_a_wrong_number_is_told_what_is_wrong_with_it(
    person: Person, world: World, number: str, words: str
) -> None:
    """C2."""
    registration = person.start(world.event().slug, person.student())
    person.answer(registration)
    person.agree(registration)
    sent = person.number(registration, number)
    assert sent.status_code == 422
    assert words in sent.text


def test_a_number_is_not_sealed_to_a_key_the_root_did_not_sign(
    person: Person, world: World
) -> None:
    """C-17, SECURITY 12."""
    event = world.event(with_key=False)
    world.vault_key(event.id, root=Ed25519PrivateKey.generate())
    registration = person.start(event.slug, person.student())
    person.answer(registration)
    person.agree(registration)
    assert person.number(registration).status_code == 503
    (row,) = world.rows(
        "SELECT id_number_sealed AS s, id_number_tail AS tail FROM registrations WHERE id = :r",
        r=registration,
    )
    assert tuple(row) == (None, None)


def test_under_fourteen_the_guardian_is_asked_first(person: Person, world: World) -> None:
    """A7."""
    born = young()
    registration = person.start(world.event().slug, person.student(born=born))
    assert person.answer(registration).headers["Location"].endswith("/guardian")
    path = f"/registrations/{registration}/guardian"
    missing = person.post(path, guardian_name="王大明", guardian_relation="father")
    assert missing.status_code == 422
    given = person.post(
        path,
        guardian_name="王大明",
        guardian_relation="father",
        guardian_phone="13800138000",
        consent="yes",
    )
    assert given.headers["Location"].endswith("/consents")
    (row,) = world.rows(
        "SELECT guardian FROM consent_records WHERE registration_id = :r AND purpose = 'guardian'",
        r=registration,
    )
    assert b"13800138000" not in bytes(row.guardian)


def test_on_the_fourteenth_birthday_the_students_own_consent_is_asked(
    person: Person, world: World
) -> None:
    """A7."""
    registration = person.start(world.event().slug, person.student(born=young()))
    person.answer(registration)
    person.post(
        f"/registrations/{registration}/guardian",
        guardian_name="王大明",
        guardian_relation="father",
        guardian_phone="13800138000",
        consent="yes",
    )
    assert person.agree(registration).headers["Location"].endswith("/identity")
    with world.session() as session:
        found = service.load(session, person.account_id, uuid.UUID(registration))
        found.student.birth_date = "2010-01-01"
        progress = progress_of(session, found)
        assert Step.GUARDIAN not in progress.steps
        assert Step.CONSENTS not in progress.done
        session.rollback()


def test_who_submitted_is_told_that_the_old_consent_ended_and_agrees_again(
    person: Person, world: World
) -> None:
    """S-006, L-03: told on the registration, the list and the custody page; one page ends it."""
    event = world.event()
    registration, document = person.submitted(event.slug)
    pages = ("/registrations", f"/registrations/{registration}", f"/documents/{document}")
    again = f"/registrations/{registration}/consents"
    assert all(again not in person.get(page).text for page in pages)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE organizations SET version = 2 WHERE id = %s", (event.organization_id,)
        )
    for page in pages:
        assert again in person.get(page).text, page
    assert "您以前的同意不再适用" in words_of(person.get(again))
    refused = person.upload(registration, picture())
    assert refused.status_code == 403
    assert again in refused.text
    assert person.agree(registration).status_code == 303
    assert all(again not in person.get(page).text for page in pages)


def test_time_left_stands_wherever_a_deadline_counts(person: Person, world: World) -> None:
    """UX: on each step of a draft and at each upload, without a script too."""
    event = world.event()
    registration = person.ready(event.slug)
    for page in ("fields", "consents", "identity", "documents", "documents/id_card_front"):
        assert "还剩 4 天 23 小时" in words_of(person.get(f"/registrations/{registration}/{page}"))
    assert "还剩 4 天 23 小时" in words_of(person.get("/registrations"))
    assert person.upload(registration, picture()).status_code == 303
    person.post(f"/registrations/{registration}/check")
    late = words_of(person.get(f"/registrations/{registration}/documents/id_card_front"))
    assert "还剩 9 天 23 小时" in late


def test_a_renamed_organizer_is_asked_about_again(person: Person, world: World) -> None:
    """A7."""
    event = world.event()
    registration = person.ready(event.slug)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE organizations SET version = 2 WHERE id = %s", (event.organization_id,)
        )
    sent = person.upload(registration, picture())
    assert sent.status_code == 403
    assert world.rows("SELECT 1 FROM documents WHERE registration_id = :r", r=registration) == []
    assert person.get(f"/registrations/{registration}").headers["Location"].endswith("/consents")


def test_outside_the_window_the_door_is_shut(person: Person, world: World) -> None:
    """C1."""
    moment = clock.now()
    early = world.event(opens_at=moment + timedelta(days=1))
    late = world.event(opens_at=moment - timedelta(days=9), closes_at=moment - timedelta(days=1))
    student = person.student()
    for event in (early, late):
        page = f"/registrations/new?event={event.slug}"
        assert "不在报名时间内" in person.get(page).text
        token = hidden_fields(person.get("/students/new").text)
        data = {**token, "event": event.slug, "student": student}
        assert person.client.post("/registrations/new", data=data).status_code == 409


def test_unpublished_events_do_not_exist(person: Person, world: World) -> None:
    event = world.event(status=EventStatus.DRAFT)
    person.student()
    assert person.get(f"/registrations/new?event={event.slug}").status_code == 404


def test_the_window_is_asked_again_at_submission(person: Person, world: World) -> None:
    """C1."""
    event = world.event()
    registration = person.ready(event.slug)
    person.upload(registration, picture())
    token = hidden_fields(person.get(f"/registrations/{registration}/check").text)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET closes_at = now() - interval '1 second' WHERE id = %s", (event.id,)
        )
    sent = person.client.post(f"/registrations/{registration}/check", data=token)
    assert sent.status_code == 303
    assert "没有提交" in person.get(f"/registrations/{registration}").text
    (row,) = world.rows("SELECT status FROM registrations WHERE id = :r", r=registration)
    assert row.status == "draft"


def test_submitting_twice_makes_one_number(person: Person, world: World) -> None:
    """C1."""
    event = world.event()
    registration = person.ready(event.slug)
    person.upload(registration, picture())
    path = f"/registrations/{registration}/check"
    token = hidden_fields(person.get(path).text)
    for _again in range(2):
        sent = person.client.post(path, data=token)
        assert sent.headers["Location"].endswith(registration)
    (row,) = world.rows("SELECT next_number, seats_taken FROM events WHERE id = :e", e=event.id)
    assert (row.next_number, row.seats_taken) == (2, 1)


def test_what_is_missing_is_where_submitting_leads(person: Person, world: World) -> None:
    registration = person.ready(world.event().slug)
    token = hidden_fields(person.get("/students/new").text)
    sent = person.client.post(f"/registrations/{registration}/check", data=token)
    assert sent.headers["Location"].endswith("/documents")


def test_an_event_without_documents_asks_for_no_number(person: Person, world: World) -> None:
    event = world.event(kinds=(), with_key=False)
    registration = person.start(event.slug, person.student())
    assert person.answer(registration).headers["Location"].endswith("/check")
    person.post(f"/registrations/{registration}/check")
    assert "报名已提交" in words_of(person.get(f"/registrations/{registration}"))


@pytest.mark.parametrize(
    "path",
    ["", "/fields", "/guardian", "/consents", "/identity", "/documents", "/check", "/withdraw"],
)
def test_another_accounts_registration_is_not_found(
    person: Person, world: World, path: str
) -> None:
    """SECURITY 28, C-47."""
    registration = person.ready(world.event().slug)
    stranger = world.person()
    assert stranger.get(f"/registrations/{registration}{path}").status_code == 404
    token = hidden_fields(stranger.get("/students/new").text)
    sent = stranger.client.post(f"/registrations/{registration}{path}", data=token)
    assert sent.status_code in (404, 405)


def test_another_accounts_student_cannot_be_registered(person: Person, world: World) -> None:
    """SECURITY 28, C-47."""
    theirs = world.person().student()
    person.student()
    page = f"/registrations/new?event={world.event().slug}"
    assert person.post("/registrations/new", page=page, student=theirs).status_code == 404


def _ready_people(world: World, slug: str, count: int) -> list[tuple[Person, str]]:
    people = []
    for _number in range(count):
        person = world.person()
        registration = person.start(slug, person.student())
        person.answer(registration)
        people.append((person, registration))
    return people


def _drafts(world: World, slug: str, count: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return account and registration of complete drafts, through the verbs, for speed."""
    actor, made = Actor("student"), []
    with world.session() as session:
        for number in range(count):
            if number % 5 == 0:
                account_id = world.person().account_id
            student = bind_student(
                session,
                actor,
                account_id,
                name="王小" + chr(0x4E00 + number),
                birth_date=date.fromisoformat(BORN),
                relation=Relation.CHILD,
            )
            row = service.start(session, actor, account_id, slug, student.id)
            row = service.load(session, account_id, row.id)
            service.save_answers(session, actor, row, {"school": "一中", "group": "小学"})
            made.append((account_id, row.id))
    return made


def test_the_last_seat_has_one_winner_and_the_others_wait_in_order(world: World) -> None:
    """C1, C-52: a hundred at once."""
    event = world.event(kinds=(), with_key=False, capacity=1)
    drafts = _drafts(world, event.slug, 100)

    def submit(draft: tuple[uuid.UUID, uuid.UUID]) -> None:
        with world.session() as session:
            submission.submit(session, Actor("student"), service.load(session, *draft))

    with ThreadPoolExecutor(25) as pool:
        list(pool.map(submit, drafts))
    rows = world.rows(
        "SELECT status, waiting, number FROM registrations WHERE event_id = :e ORDER BY number",
        e=event.id,
    )
    assert [row.status for row in rows].count("submitted") == 1
    assert [row.waiting for row in rows if row.status == "waitlisted"] == list(range(1, 100))
    assert len({row.number for row in rows}) == 100


def test_a_freed_seat_goes_to_the_first_who_waits_with_a_notice(world: World) -> None:
    """C1."""
    event = world.event(kinds=(), with_key=False, capacity=1)
    people = _ready_people(world, event.slug, 3)
    for person, registration in people:
        person.post(f"/registrations/{registration}/check")
    first, second, third = people
    assert "您前面还有 1 人" in words_of(third[0].get(f"/registrations/{third[1]}"))
    first[0].post(f"/registrations/{first[1]}/withdraw")
    assert "报名已提交" in words_of(second[0].get(f"/registrations/{second[1]}"))
    assert "候补" in words_of(third[0].get(f"/registrations/{third[1]}"))
    notices = world.rows("SELECT kind FROM notices WHERE account_id = :a", a=second[0].account_id)
    assert "registration_seated" in {row.kind for row in notices}
    (row,) = world.rows("SELECT seats_taken FROM events WHERE id = :e", e=event.id)
    assert row.seats_taken == 1


def test_parallel_withdrawals_free_each_seat_once(world: World) -> None:
    """C-52."""
    event = world.event(kinds=(), with_key=False, capacity=3)
    people = _ready_people(world, event.slug, 6)
    for person, registration in people:
        person.post(f"/registrations/{registration}/check")

    def withdraw(pair: tuple[Person, str]) -> None:
        pair[0].post(f"/registrations/{pair[1]}/withdraw")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(withdraw, [*people[:3], *people[:3]]))
    rows = world.rows("SELECT status FROM registrations WHERE event_id = :e", e=event.id)
    assert sorted(row.status for row in rows) == ["submitted"] * 3 + ["withdrawn"] * 3
    (row,) = world.rows("SELECT seats_taken FROM events WHERE id = :e", e=event.id)
    assert row.seats_taken == 3


def test_withdrawing_takes_back_consents_and_orders_destruction(
    person: Person, world: World
) -> None:
    """A2, H2."""
    registration, document = person.submitted(world.event().slug)
    person.post(f"/registrations/{registration}/withdraw")
    (row,) = world.rows(
        "SELECT d.destroy_reason, d.destroy_due_at <= now() AS due, r.status, r.id_number_sealed"
        " FROM documents d JOIN registrations r ON r.id = d.registration_id WHERE d.id = :d",
        d=document,
    )
    assert (row.destroy_reason, row.due, row.status) == ("withdrawn", True, "withdrawn")
    assert row.id_number_sealed is None
    jobs = world.rows(
        "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'destroy_document'"
        " AND args->>'document_id' = :d",
        d=document,
    )
    assert len(jobs) == 1
    records = world.rows(
        "SELECT purpose FROM consent_records WHERE registration_id = :r AND NOT granted",
        r=registration,
    )
    assert {row.purpose for row in records} == {"identity_documents", "hand_over"}


def test_after_withdrawing_one_may_register_again(person: Person, world: World) -> None:
    event, student = world.event(), person.student()
    first = person.start(event.slug, student)
    person.post(f"/registrations/{first}/withdraw")
    assert person.start(event.slug, student) != first


def test_every_act_is_in_the_audit(person: Person, world: World) -> None:
    """I4, C-64."""
    registration, _document = person.submitted(world.event().slug)
    rows = world.rows(
        "SELECT action FROM audit_entries WHERE subject_id = :r ORDER BY at", r=registration
    )
    assert [row.action for row in rows] == [
        "registrations.start",
        "registrations.answer",
        "consent.grant",
        "consent.grant",
        "registrations.seal_number",
        "registrations.submit",
    ]


def test_the_status_follows_the_documents(person: Person, world: World) -> None:
    """C5."""
    event = world.event(kinds=(DocumentKind.ID_CARD_FRONT, DocumentKind.STUDENT_CARD))
    registration = person.ready(event.slug)
    for kind in ("id_card_front", "student_card"):
        assert person.upload(registration, picture(), kind).status_code == 303
    person.post(f"/registrations/{registration}/check")

    def after(*states: str) -> RegistrationStatus:
        with world.owner.begin() as connection:
            for kind, state in zip(("id_card_front", "student_card"), states, strict=True):
                connection.exec_driver_sql(
                    "UPDATE documents SET state = %s WHERE registration_id = %s AND kind = %s",
                    (state, registration, kind),
                )
        with world.session() as session:
            service.refresh_status(session, uuid.UUID(registration))
            return session.scalars(
                select(Registration.status).where(Registration.id == uuid.UUID(registration))
            ).one()

    assert after("accepted", "released") is RegistrationStatus.SUBMITTED
    assert after("accepted", "returned") is RegistrationStatus.RETURNED
    assert after("accepted", "sealed") is RegistrationStatus.SUBMITTED
    assert after("accepted", "accepted") is RegistrationStatus.VERIFIED
