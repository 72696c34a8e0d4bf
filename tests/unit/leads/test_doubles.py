"""Leads of one person: listed together, merged into one, bound to the account that was opened."""

from __future__ import annotations

import threading
import uuid

import pytest

from heyan.access import Role
from heyan.leads import doubles
from heyan.leads.queue import LeadUnknown, Taken
from heyan.leads.service import phone_index
from tests.accounts import Browser, some_phone
from tests.enrolment import World
from tests.public import leave
from tests.staff import Colleague, colleague


@pytest.fixture(scope="module")
def clerk(world: World) -> Colleague:
    """Somebody of the customer service."""
    return colleague(world, Role.SERVICE)


def lead(world: World, phone: str | None = None) -> uuid.UUID:
    """A lead that waits."""
    phone = phone or some_phone()
    assert leave(Browser(world.app), phone).status_code == 303
    (row,) = world.rows(
        "SELECT id FROM leads WHERE phone_index = :i AND status <> 'closed'",
        i=phone_index("+86" + phone),
    )
    found: uuid.UUID = row.id
    return found


def path(one: uuid.UUID, verb: str = "") -> str:
    """Where a lead stands."""
    return f"/staff/leads/{one}{verb}"


def test_leads_of_one_number_stand_on_each_others_page(world: World, clerk: Colleague) -> None:
    """B2: somebody who comes back after the first was settled is known again."""
    phone = some_phone()
    first = lead(world, phone)
    sent = clerk.post(path(first, "/outcome"), page=path(first), outcome="reached")
    assert sent.status_code == 303
    second = lead(world, phone)
    assert second != first
    assert path(first) in clerk.get(path(second)).text
    assert path(second) in clerk.get(path(first)).text


def test_a_double_is_merged_into_the_other(world: World, clerk: Colleague) -> None:
    """B2: one goes on with the earlier due time; the other is closed and says which."""
    kept, double = lead(world), lead(world)
    address = f"http://localhost{path(kept)}"
    sent = clerk.post(path(double, "/merge"), page=path(double), into=address)
    assert sent.status_code == 303
    assert sent.headers["Location"].endswith(path(kept))
    (row,) = world.rows("SELECT * FROM leads WHERE id = :i", i=double)
    assert (row.status, row.outcome, row.duplicate_of) == ("closed", "duplicate", kept)
    (row,) = world.rows("SELECT * FROM leads WHERE id = :i", i=kept)
    assert (row.status, row.times_asked) == ("open", 2)
    assert "已并入这一条" in clerk.get(path(kept)).text
    with world.session() as session, pytest.raises(Taken):
        doubles.merge(session, clerk.actor, double, kept)
    with world.session() as session, pytest.raises(doubles.SameLead):
        doubles.merge(session, clerk.actor, kept, double)


@pytest.mark.parametrize("into", ["", "nonsense", "itself", "nobody"])
def test_what_is_no_other_lead_is_said(world: World, clerk: Colleague, into: str) -> None:
    """B2: nothing is closed, and the field says what to paste."""
    one = lead(world)
    given = {"itself": path(one), "nobody": path(uuid.uuid4())}.get(into, into)
    sent = clerk.post(path(one, "/merge"), page=path(one), into=given)
    assert sent.status_code == 422
    (row,) = world.rows("SELECT status FROM leads WHERE id = :i", i=one)
    assert row.status == "open"


def test_two_who_merge_each_into_the_other_leave_one(world: World, clerk: Colleague) -> None:
    """B2: whatever the order, one lead goes on."""
    pair = [lead(world), lead(world)]
    results: list[str] = []

    def merge(double: uuid.UUID, kept: uuid.UUID) -> None:
        with world.session() as session:
            try:
                doubles.merge(session, clerk.actor, double, kept)
                results.append("merged")
            except (Taken, doubles.SameLead):
                results.append("late")

    threads = [
        threading.Thread(target=merge, args=(pair[turn % 2], pair[1 - turn % 2]))
        for turn in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("merged") == 1
    rows = world.rows("SELECT status FROM leads WHERE id IN (:a, :b)", a=pair[0], b=pair[1])
    assert sorted(row.status for row in rows) == ["closed", "open"]


def test_a_lead_becomes_an_account_once(world: World, clerk: Colleague) -> None:
    """B3: closed with that outcome, its doubles bound too, and never to a second account."""
    person, stranger = world.person(), world.person()
    kept, double = lead(world), lead(world)
    with world.session() as session:
        doubles.merge(session, clerk.actor, double, kept)
        doubles.converted(session, clerk.actor, kept, person.account_id)
        with pytest.raises(Taken):
            doubles.converted(session, clerk.actor, kept, stranger.account_id)
        with pytest.raises(LeadUnknown):
            doubles.converted(session, clerk.actor, uuid.uuid4(), person.account_id)
    rows = world.rows("SELECT status, account_id FROM leads WHERE id IN (:a, :b)", a=kept, b=double)
    assert {(row.status, row.account_id) for row in rows} == {("closed", person.account_id)}
    (row,) = world.rows("SELECT outcome FROM leads WHERE id = :i", i=kept)
    assert row.outcome == "account_opened"
    page = clerk.get(path(kept)).text
    assert f"/staff/contacts/history/account/{person.account_id}" in page
