"""Duplicates are found in the worker, within one event, and nobody is refused for one."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from deploy.local.machine import Machine
from heyan.audit.service import OPERATOR
from tests.enrolment import BORN, World, id_number
from tests.safety import enter, flags, own_file, sealed_event
from tests.worker import run_once
from uploads_worker import endings, rotation, safety, sweep, vault
from uploads_worker.context import Context


def number(order: str) -> str:
    """A sound number."""
    return id_number(BORN, order)


def test_the_same_number_in_two_accounts_is_flagged_and_both_go_on(
    world: World, context: Context
) -> None:
    """C6, S-027, Q4: found by the worker; both registrations stand as submitted."""
    event = sealed_event(world, context)
    one = enter(world, event, number=number("011"))
    enter(world, event, number=number("012"))
    assert flags(world, event.id) == []
    other = enter(world, event, number=number("011"))
    run_once(context)
    both = {one.registration, other.registration}
    assert flags(world, event.id) == [("same_number", "open", both)]
    states = world.rows("SELECT status FROM registrations WHERE id = ANY(:i)", i=list(both))
    assert [row.status for row in states] == ["submitted", "submitted"]
    # The job run again changes nothing, a third one joins the same flag.
    safety.check_duplicates(context, other.registration)
    third = enter(world, event, number=number("011"))
    run_once(context)
    assert flags(world, event.id) == [("same_number", "open", {*both, third.registration})]


def test_the_same_number_in_another_event_is_nobodys_business(
    world: World, context: Context
) -> None:
    """C6, Q6: within one event only; the digests of two events are unlike each other."""
    for _ in range(2):
        event = sealed_event(world, context)
        enter(world, event, number=number("021"))
        run_once(context)
        assert flags(world, event.id) == []
    marks = world.rows("SELECT keyed_digest FROM safety_marks WHERE kind = 'number'")
    digests = [bytes(row.keyed_digest) for row in marks]
    assert len(set(digests[-2:])) == 2


def test_the_very_same_file_for_different_people_is_flagged(world: World, context: Context) -> None:
    """C6, Q6: although the pictures carry different marks; one student's own is no matter."""
    event = sealed_event(world, context)
    file = own_file()
    one = enter(world, event, file=file)
    other = enter(world, event, file=file)
    enter(world, event, file=own_file())
    run_once(context)
    assert flags(world, event.id) == [("same_file", "open", {one.registration, other.registration})]
    # What was sealed for the worker went once it was compared.
    assert (
        world.rows("SELECT 1 FROM safety_sealed WHERE registration_id = :r", r=one.registration)
        == []
    )


def test_a_student_may_hand_in_again_what_is_theirs(world: World, context: Context) -> None:
    """C6: the same student's number and file, after withdrawing, are no duplicate."""
    event = sealed_event(world, context)
    file, person = own_file(), world.person()
    first = enter(world, event, file=file, number=number("031"), person=person)
    run_once(context)
    person.post(f"/registrations/{first.registration}/withdraw")
    student = world.rows(
        "SELECT student_id FROM registrations WHERE id = :r", r=first.registration
    )[0].student_id
    again = person.start(event.slug, str(student))
    person.answer(again)
    person.agree(again)
    person.number(again, number("031"))
    person.upload(again, file)
    person.post(f"/registrations/{again}/check")
    run_once(context)
    assert flags(world, event.id) == []


def test_a_draft_is_not_compared_before_it_is_handed_in(world: World, context: Context) -> None:
    """C6, S-027: what a person has not submitted is nobody's to compare."""
    event = sealed_event(world, context)
    draft = world.person().ready(event.slug)
    run_once(context)
    safety.check_duplicates(context, uuid.UUID(draft))
    assert world.rows("SELECT 1 FROM safety_marks WHERE registration_id = :r", r=draft) == []


def test_two_at_the_same_moment_make_one_flag(world: World, context: Context) -> None:
    """C6: twenty checks at once, of two registrations, flag once."""
    event = sealed_event(world, context)
    file = own_file()
    entered = [enter(world, event, file=file, number=number("041")) for _ in range(2)]
    ids = [one.registration for one in entered] * 10
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda one: safety.check_duplicates(context, one), ids))
    both = {one.registration for one in entered}
    assert sorted(flags(world, event.id)) == [
        ("same_file", "open", both),
        ("same_number", "open", both),
    ]


def test_a_rotated_key_still_finds_duplicates(world: World, context: Context) -> None:
    """C-20, C6: the digests' key comes from the event's oldest key."""
    event = sealed_event(world, context)
    one = enter(world, event, number=number("051"))
    run_once(context)
    vault.rotate(context, event.id, actor=OPERATOR)
    rotation.reseal(context, event.id)
    other = enter(world, event, number=number("051"))
    run_once(context)
    assert flags(world, event.id) == [
        ("same_number", "open", {one.registration, other.registration})
    ]


def test_the_web_never_sees_a_digest(world: World, context: Context, stack: Machine) -> None:
    """C-18, C-19, Q4: no table of digests is the web's, no key it holds makes one of them."""
    event = sealed_event(world, context)
    file = own_file()
    entered = enter(world, event, number=number("061"), file=file)
    with world.session() as session:
        for table in ("safety_marks", "safety_sealed"):
            with pytest.raises(ProgrammingError):
                session.execute(text(f"SELECT count(*) FROM {table}"))
            session.rollback()
    (sealed,) = world.rows(
        "SELECT sealed, commitment FROM safety_sealed WHERE document_id = :d", d=entered.document
    )
    plain = hashlib.sha256(file).digest()
    assert plain not in bytes(sealed.sealed)
    assert bytes(sealed.commitment) != hashlib.sha256(plain).digest()
    run_once(context)
    stored = {
        bytes(row.keyed_digest) for row in world.rows("SELECT keyed_digest FROM safety_marks")
    }
    variables = [value.encode() for value in stack.variables.web().values()]
    for order in range(1000):
        value = b"number\0" + number(f"{order:03d}").encode()
        for key in (*variables, event.id.bytes):
            assert hmac.digest(key, value, "sha256") not in stored
        assert hashlib.sha256(value).digest() not in stored
    assert plain not in stored


def test_no_digest_is_made_or_compared_after_the_key_is_destroyed(
    world: World, context: Context
) -> None:
    """Q6, H4, S-027: the key dies with the event's; its marks and flags go."""
    event = sealed_event(world, context)
    file = own_file()
    one, _other = (enter(world, event, file=file, number=number("071")) for _ in range(2))
    run_once(context)
    assert len(flags(world, event.id)) == 2
    before = safety.duplicates_key(context, event.id)
    assert safety.duplicates_key(context, event.id) == before
    endings.end_event(context, event.id)
    with pytest.raises(safety.NoKey):
        safety.duplicates_key(context, event.id)
    safety.check_duplicates(context, one.registration)
    assert world.rows("SELECT 1 FROM safety_marks WHERE event_id = :e", e=event.id) == []
    sweep.BROOMS["safety"](context)
    assert flags(world, event.id) == []


def test_a_mark_goes_with_what_it_is_of(world: World, context: Context) -> None:
    """S-027: nobody's number or file leaves a digest behind it."""
    event = sealed_event(world, context)
    entered = enter(world, event)
    run_once(context)
    count = "SELECT 1 FROM safety_marks WHERE registration_id = :r"
    assert len(world.rows(count, r=entered.registration)) == 2
    entered.person.post(f"/registrations/{entered.registration}/withdraw")
    run_once(context)
    assert world.rows(count, r=entered.registration) == []
