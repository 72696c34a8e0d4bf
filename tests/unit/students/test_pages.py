"""Students through the front door: mine, and nobody else's."""

from __future__ import annotations

import uuid

import pytest

from heyan.students.models import Student
from tests.enrolment import BORN, Person, World, hidden_fields, words_of


def test_a_student_is_added_and_listed(person: Person) -> None:
    """B3."""
    sent = person.post("/students/new", name="买买提•艾力", birth_date=BORN, relation="self")
    assert sent.status_code == 303
    assert "买买提·艾力" in words_of(person.get("/students"))


def test_a_wrong_form_keeps_what_was_typed_and_names_each_field(person: Person) -> None:
    sent = person.post("/students/new", name="王3", birth_date="2012-02-31", relation="child")
    assert sent.status_code == 422
    assert 'value="王3"' in sent.text
    assert 'value="2012-02-31"' in sent.text
    assert "不应有「3」" in sent.text
    assert "2012-03-04" in sent.text


def test_adding_twice_binds_once(person: Person, world: World) -> None:
    """B3."""
    for _again in range(2):
        person.post("/students/new", name="王小满", birth_date=BORN, relation="child")
    rows = world.rows("SELECT id FROM students WHERE account_id = :a", a=person.account_id)
    assert len(rows) == 1


def test_unbinding_erases_the_profile(person: Person, world: World) -> None:
    student = person.student()
    assert person.post(f"/students/{student}/unbind").status_code == 303
    assert "王小满" not in person.get("/students").text
    with world.session() as session:
        row = session.get_one(Student, uuid.UUID(student))
        assert (row.name, row.birth_date) == ("", "")


def test_a_registered_student_cannot_be_unbound(person: Person, world: World) -> None:
    student = person.student()
    person.start(world.event().slug, student)
    page = person.get(f"/students/{student}/unbind")
    assert "请先撤回报名" in page.text
    token = hidden_fields(person.get("/students/new").text)
    assert person.client.post(f"/students/{student}/unbind", data=token).status_code == 409


def test_another_accounts_student_is_not_found(person: Person, world: World) -> None:
    """SECURITY 28, C-47."""
    student = person.student()
    stranger = world.person()
    assert stranger.get(f"/students/{student}/unbind").status_code == 404
    assert student not in stranger.get("/students").text


def test_names_of_students_are_not_readable_in_the_database(person: Person, world: World) -> None:
    """C-67."""
    name = f"欧阳{chr(0x4E00 + uuid.uuid4().int % 5000)}读不到"
    student = person.student(name)
    (row,) = world.rows("SELECT students::text FROM students WHERE id = :i", i=student)
    assert name not in str(row)
    assert name.encode().hex() not in str(row)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_next_leads_nowhere_else(person: Person, target: str) -> None:
    """C-58, SECURITY 36."""
    sent = person.post(
        "/students/new", name="王小满", birth_date=BORN, relation="self", next=target
    )
    assert sent.headers["Location"] == "/students"


def test_visitors_are_sent_to_sign_in_and_come_back(world: World) -> None:
    event = world.event()
    sent = world.app.test_client().get(f"/registrations/new?event={event.slug}")
    assert sent.status_code == 302
    assert "/account/login" in sent.headers["Location"]
    assert event.slug in sent.headers["Location"]
