"""A number is how its owner comes back: no way to another one is quick or one clerk's alone."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

from heyan.access import Role
from heyan.accounts.models import Account
from tests.conftest import Clock
from tests.enrolment import Person, World, words_of
from tests.rights import fresh
from tests.staff import colleague


def phone_of(world: World, person: Person) -> str:
    """The number of a person's account."""
    with world.session() as session:
        return session.get_one(Account, person.account_id).login


def test_a_number_asked_for_by_whoever_has_the_session_is_slow_and_takes_two_clerks(
    world: World, person: Person, clock: Clock
) -> None:
    """C-34, C-39, Q2, G2: not at once, not by one clerk, and its owner can stop it."""
    old, new = phone_of(world, person), f"137{uuid.uuid4().int % 100_000_000:08d}"
    clerk, other = colleague(world, Role.SERVICE), colleague(world, Role.SERVICE)
    sent = fresh(world, person).post("/me/data/phone", phone=new)
    request_id = sent.headers["Location"].rsplit("/", 1)[1]
    page = f"/staff/rights/{request_id}"
    assert clerk.post(f"{page}/carry-out", page=page).status_code == 303
    assert phone_of(world, person) == old
    (change,) = world.rows(
        "SELECT id FROM account_changes WHERE account_id = :a AND ended_at IS NULL",
        a=person.account_id,
    )[0]
    at = f"/staff/accounts/changes/{change}"
    assert "本人登录后" in words_of(clerk.get("/staff/accounts"))
    assert clerk.post(at, action="confirm").status_code == 403
    assert other.post(at, action="confirm").status_code == 303
    assert phone_of(world, person) == old
    told = words_of(person.get("/account/changes"))
    assert "更换手机号" in told
    clock.move(timedelta(hours=72, seconds=1))
    someone = Person(world.app.test_client(), uuid.UUID(int=0), "")
    someone.post("/account/login", phone=new, password="whatever they type")
    assert phone_of(world, person) == f"+86{new}"


def test_two_requests_at_the_desk_begin_one_change(world: World, person: Person) -> None:
    """C-34: while a number is on its way a second request begins no other."""
    clerk = colleague(world, Role.SERVICE)
    statuses = []
    for _ in range(2):
        new = f"137{uuid.uuid4().int % 100_000_000:08d}"
        sent = fresh(world, person).post("/me/data/phone", phone=new)
        page = f"/staff/rights/{re.findall('[0-9a-f-]{36}', sent.headers['Location'])[0]}"
        statuses.append(clerk.post(f"{page}/carry-out", page=page).status_code)
    assert statuses == [303, 409]
