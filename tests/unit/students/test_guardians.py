"""A second guardian: by code and name, told to the first, shown little, ended by either."""

from __future__ import annotations

import re
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from heyan.access import Role
from heyan.audit.service import Actor
from heyan.students import guardians
from tests.enrolment import Person, World, words_of
from tests.notifications import counted
from tests.rights import fresh
from tests.staff import colleague

JOIN = "/students/join"


def offered(world: World, first: Person, name: str = "王小满") -> tuple[str, str]:
    """A student of *first* and a code for another guardian, as the page shows it."""
    student = first.student(name)
    page = f"/students/{student}/guardians"
    stale = first.get(page).text
    assert f"{page}/new" not in stale
    assert "验证身份后给绑定码" in stale
    assert first.post(f"{page}/new", page=JOIN).status_code == 403
    shown = fresh(world, first).post(f"{page}/new", page=page).text
    found = re.search(r"([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})", shown)
    assert found, shown
    assert found[1] not in first.get(page).text
    return student, found[1]


def joined(second: Person, code: str, name: str = "王小满") -> str:
    """Use a code; return the binding."""
    sent = second.post(JOIN, code=code, name=name)
    assert sent.status_code == 303, words_of(sent)
    return sent.headers["Location"].rsplit("/", 1)[1]


def act(person: Person, binding: str, what: str) -> int:
    """Press one of a binding's buttons."""
    return person.post(f"/guardianships/{binding}/{what}", page=JOIN).status_code


def test_the_first_guardian_lets_a_second_read_how_things_stand_and_is_told(
    world: World, person: Person
) -> None:
    """S-047, B3: by code and name; told; nothing but the state of what was handed in."""
    registration, document = person.submitted(world.event().slug)
    (row,) = world.rows(
        "SELECT student_id AS s, number FROM registrations WHERE id = :r",
        r=uuid.UUID(registration),
    )
    page = f"/students/{row.s}/guardians"
    shown = fresh(world, person).post(f"{page}/new", page=page).text
    found = re.search(r"([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})", shown)
    assert found
    second = world.person()
    binding = joined(second, found[1].lower().replace("-", " "))
    seen = second.get(f"/students/shared/{binding}").text
    assert row.number in seen
    assert "已提交" in seen
    assert "第一中学" not in seen
    for path in (f"/registrations/{registration}", f"/documents/{document}", page):
        assert second.get(path).status_code == 404
    assert "成为您的学员的共同监护人" in words_of(person.get("/me/notices"))
    assert re.search(r"139＊＊＊＊[0-9]{2}", person.get(page).text)
    # Once, and by nobody else.
    assert world.person().post(JOIN, code=found[1], name="王小满").status_code == 422


def test_a_wrong_name_a_wrong_code_and_ones_own_student_answer_alike(
    world: World, person: Person
) -> None:
    """S-047, C-32, C-61: same page, same statements, for whatever does not fit."""
    _student, code = offered(world, person)
    second = world.person()
    tried = []
    for typed, name in ((code, "王小明"), ("AAAA-BBBB-CCCC", "王小满")):
        second.get(JOIN)
        with counted() as statements:
            answer = second.post(JOIN, code=typed, name=name)
        text = re.sub(r'value="[^"]*"', "", answer.text)
        tried.append((answer.status_code, re.sub(r"nonce-\S+", "", text), list(statements)))
    assert tried[0][0] == 422
    assert tried[0][0] == tried[1][0]
    assert len(tried[0][1]) == len(tried[1][1])
    assert tried[0][2] == tried[1][2]
    assert person.post(JOIN, code=code, name="王小满").status_code == 422
    assert joined(second, code)


def test_a_wrong_datum_takes_as_long_as_a_wrong_code(world: World, person: Person) -> None:
    """C-32, C-61: medians of samples in turn; a guard for a busy machine, no claim of a percent."""
    _student, code = offered(world, person)
    actor = Actor("public", world.person().account_id)
    assert actor.id is not None
    took: dict[str, list[float]] = {code: [], "AAAA-BBBB-CCCC": []}
    for _each in range(40):
        for typed, times in took.items():
            with world.session() as session:
                begun = time.perf_counter()
                try:
                    guardians.accept(session, actor, actor.id, code=typed, name="错了")
                except guardians.CodeWrong:
                    times.append(time.perf_counter() - begun)
    one, other = (statistics.median(times) for times in took.values())
    assert abs(one - other) / max(one, other) < 0.5


def test_the_sixth_try_within_an_hour_is_throttled(world: World, person: Person) -> None:
    """S-047: even with the right code."""
    _student, code = offered(world, person)
    second = world.person()
    for _each in range(5):
        assert second.post(JOIN, code="AAAA-BBBB-CCCC", name="王小满").status_code == 422
    sixth = second.post(JOIN, code=code, name="王小满")
    assert sixth.status_code == 429
    assert int(sixth.headers["Retry-After"]) > 0


def test_a_code_ends_after_two_days_and_with_the_next_one(
    world: World, person: Person, clock: Any
) -> None:
    """S-047, C-33."""
    student, first = offered(world, person)
    page = f"/students/{student}/guardians"
    person.post(f"{page}/new", page=page)
    assert world.person().post(JOIN, code=first, name="王小满").status_code == 422
    _student, second = offered(world, world.person())
    clock.move(timedelta(days=2, minutes=1))
    assert world.person().post(JOIN, code=second, name="王小满").status_code == 422


def test_a_dispute_freezes_and_either_end_unbinds(world: World, person: Person) -> None:
    """S-047: frozen at once, officers told; only who disputes takes it back; both may end it."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    _student, code = offered(world, person)
    second, stranger = world.person(), world.person()
    binding = joined(second, code)
    at = f"/students/shared/{binding}"
    assert act(stranger, binding, "dispute") == act(stranger, binding, "end") == 404
    assert second.get(at).status_code == 200
    assert act(person, binding, "dispute") == 303
    assert second.get(at).status_code == 404
    assert "已冻结" in second.get("/students").text
    assert "提出异议" in words_of(second.get("/me/notices"))
    told = world.rows(
        "SELECT 1 FROM notices WHERE account_id = :a AND kind = 'guardian_disputed'",
        a=officer.account_id,
    )
    assert len(told) == 1
    assert act(second, binding, "resume") == 404
    assert act(person, binding, "resume") == 303
    assert second.get(at).status_code == 200
    assert act(second, binding, "end") == 303
    assert second.get(at).status_code == 404
    assert act(person, binding, "resume") == 404
    assert "已经解除" in words_of(person.get("/me/notices"))


def test_unbinding_the_student_ends_what_others_see(world: World, person: Person) -> None:
    """S-047: with the profile goes every second guardian's view of it."""
    student, code = offered(world, person)
    second = world.person()
    binding = joined(second, code)
    assert person.post(f"/students/{student}/unbind").status_code == 303
    assert second.get(f"/students/shared/{binding}").status_code == 404
    (row,) = world.rows("SELECT state FROM guardianships WHERE id = :b", b=uuid.UUID(binding))
    assert row.state == "ended"


def test_ten_at_once_use_a_code_once(world: World, person: Person) -> None:
    """C-33, C-50."""
    student, code = offered(world, person)
    hopeful = [world.person() for _each in range(10)]

    def hurry(one: Person) -> bool:
        with world.session() as session:
            actor = Actor("public", one.account_id)
            try:
                guardians.accept(session, actor, one.account_id, code=code, name="王小满")
            except guardians.CodeWrong:
                return False
            return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(hurry, hopeful)) == 1
    rows = world.rows(
        "SELECT 1 FROM guardianships WHERE student_id = :s AND state = 'bound'",
        s=uuid.UUID(student),
    )
    assert len(rows) == 1
