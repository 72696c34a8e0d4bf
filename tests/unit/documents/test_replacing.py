"""One document at a time: replaced, returned and replaced, withdrawn (C2, C5, C3)."""

from __future__ import annotations

import pytest

from heyan.events.models import DocumentKind
from tests.enrolment import Person, World, picture, words_of

FRONT, CARD = DocumentKind.ID_CARD_FRONT, DocumentKind.STUDENT_CARD


def states(world: World, registration: str) -> list[tuple[str, str]]:
    """Return kind and state of each document, the earliest first."""
    rows = world.rows(
        "SELECT kind, state FROM documents WHERE registration_id = :r ORDER BY received_at, id",
        r=registration,
    )
    return [(row.kind, row.state) for row in rows]


def decide(world: World, document: str, state: str) -> None:
    """Stand in for the organizer's decision, which has tests of its own."""
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE documents SET state = %s WHERE id = %s", (state, document)
        )


def close_replacing(world: World, event_id: object) -> None:
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET documents_until = now() - interval '1 second',"
            " closes_at = now() - interval '2 seconds' WHERE id = %s",
            (event_id,),
        )


def test_one_document_is_replaced_and_the_others_stay(person: Person, world: World) -> None:
    """C2, C5."""
    registration = person.ready(world.event(kinds=(FRONT, CARD)).slug)
    for kind in (FRONT, CARD):
        assert person.upload(registration, picture(), kind.value).status_code == 303
    assert person.upload(registration, picture(1700, 1000)).status_code == 303
    assert states(world, registration) == [
        ("id_card_front", "superseded"),
        ("student_card", "sealed"),
        ("id_card_front", "sealed"),
    ]
    (old,) = world.rows(
        "SELECT id, superseded_by, destroy_reason, destroy_due_at <= now() + interval '24 hours'"
        " AS soon FROM documents WHERE registration_id = :r AND state = 'superseded'",
        r=registration,
    )
    assert (old.destroy_reason, old.soon) == ("superseded", True)
    assert old.superseded_by is not None
    jobs = world.rows(
        "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'destroy_document'"
        " AND args->>'document_id' = :d",
        d=str(old.id),
    )
    assert len(jobs) == 1


def test_a_returned_document_can_be_replaced_before_the_deadline(
    person: Person, world: World
) -> None:
    """C5."""
    registration, document = person.submitted(world.event().slug)
    decide(world, document, "returned")
    assert person.upload(registration, picture()).status_code == 303
    assert states(world, registration) == [
        ("id_card_front", "superseded"),
        ("id_card_front", "sealed"),
    ]


def test_after_the_deadline_it_cannot(person: Person, world: World) -> None:
    """C5."""
    event = world.event()
    registration, document = person.submitted(event.slug)
    decide(world, document, "returned")
    close_replacing(world, event.id)
    sent = person.upload(registration, picture())
    assert sent.status_code == 409
    assert "期限已过" in words_of(sent)
    assert states(world, registration) == [("id_card_front", "returned")]


@pytest.mark.parametrize("state", ["released", "accepted"])
def test_what_the_organizer_holds_or_has_accepted_is_not_replaced(
    person: Person, world: World, state: str
) -> None:
    """C5."""
    registration, document = person.submitted(world.event().slug)
    decide(world, document, state)
    assert person.upload(registration, picture()).status_code == 409
    assert states(world, registration) == [("id_card_front", state)]


def test_the_fourth_replacement_of_a_day_waits(person: Person, world: World) -> None:
    """C-10."""
    registration = person.ready(world.event().slug)
    for _time in range(4):
        assert person.upload(registration, picture()).status_code == 303
    sent = person.upload(registration, picture())
    assert sent.status_code == 429
    assert "3 次" in words_of(sent)


def test_withdrawing_says_what_the_organizer_already_has(person: Person, world: World) -> None:
    registration, document = person.submitted(world.event().slug)
    decide(world, document, "released")
    assert person.post(f"/registrations/{registration}/withdraw").status_code == 303
    (row,) = world.rows(
        "SELECT details FROM audit_entries WHERE subject_id = :r"
        " AND action = 'registrations.withdraw'",
        r=registration,
    )
    assert row.details["handed_over"] == 1
    (job,) = world.rows(
        "SELECT 1 FROM procrastinate_jobs WHERE task_name = 'destroy_document'"
        " AND args->>'document_id' = :d",
        d=document,
    )
    assert job is not None
    assert person.upload(registration, picture()).status_code == 409


def test_the_custody_page_tells_what_was_received(person: Person, world: World) -> None:
    """C3."""
    _registration, document = person.submitted(world.event().slug)
    page = words_of(person.get(f"/documents/{document}"))
    for words in ("身份证人像面", "最迟销毁", "SHA-256"):
        assert words in page
    assert world.person().get(f"/documents/{document}").status_code == 404


def test_looking_changes_nothing(person: Person, world: World) -> None:
    """SECURITY 32."""
    registration, document = person.submitted(world.event().slug)
    before = world.rows(
        "SELECT count(*) AS n FROM custody_events WHERE document_id = :d", d=document
    )
    for path in (f"/registrations/{registration}", f"/documents/{document}"):
        first, second = person.get(path), person.get(path)
        assert (first.status_code, second.status_code) == (200, 200)
    after = world.rows(
        "SELECT count(*) AS n FROM custody_events WHERE document_id = :d", d=document
    )
    assert before == after
