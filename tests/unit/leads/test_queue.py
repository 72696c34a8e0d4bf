"""The staff queue: masked, revealed for a reason, assigned once, settled once."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from heyan.access import Role
from heyan.app import build
from heyan.audit.service import Actor
from heyan.clock import local, now
from heyan.leads import queue
from heyan.leads.forms import OUTCOMES
from heyan.leads.models import LeadOutcome
from heyan.leads.queue import Taken, View
from heyan.leads.service import phone_index
from tests.accounts import Browser, Someone, let_in, quick, some_phone
from tests.enrolment import World
from tests.public import leave


@pytest.fixture(scope="module")
def site(world: World) -> Flask:
    """The site at an hour in which people may be called."""
    return build(quick(replace(world.settings, call_from_hour=0, call_until_hour=24)))


@pytest.fixture(scope="module")
def clerk(world: World, site: Flask) -> Someone:
    """Someone who calls people back."""
    with world.session() as session:
        return let_in(site, session, roles=(Role.SERVICE,))


@pytest.fixture(scope="module")
def colleague(world: World, site: Flask) -> Someone:
    """Another one."""
    with world.session() as session:
        return let_in(site, session, roles=(Role.SERVICE,))


@pytest.fixture
def late_clerk(world: World) -> Someone:
    """Someone at work at an hour in which nobody is called."""
    hour = (local(now()).hour + 2) % 23
    late = quick(replace(world.settings, call_from_hour=hour, call_until_hour=hour + 1))
    with world.session() as session:
        return let_in(build(late), session, roles=(Role.SERVICE,))


def waiting_lead(world: World, name: str = "王小满") -> tuple[uuid.UUID, str]:
    """A lead in the queue, and its number."""
    phone = some_phone()
    assert leave(Browser(world.app), phone, name=name).status_code == 303
    (row,) = world.rows(
        "SELECT id FROM leads WHERE phone_index = :i AND status <> 'closed'",
        i=phone_index("+86" + phone),
    )
    return row.id, phone


def audited(world: World, lead: uuid.UUID, action: str) -> list[Any]:
    """What the audit trail holds about a lead."""
    return world.rows(
        "SELECT reason, details FROM audit_entries WHERE subject_id = :s AND action = :a",
        s=str(lead),
        a=action,
    )


def path(lead: uuid.UUID, verb: str = "") -> str:
    """Where a lead stands."""
    return f"/staff/leads/{lead}{'/' + verb if verb else ''}"


def test_the_queue_shows_masks_and_says_which_were_listed(world: World, clerk: Someone) -> None:
    """B2, I4: S-019, S-092: no name and no number in lists; one audit entry names the ids shown."""
    lead, phone = waiting_lead(world)
    page = clerk.browser.get("/staff/leads?state=unassigned")
    while f"/staff/leads/{lead}" not in page.text:
        following = re.search(r'href="([^"]+)" rel="next"', page.text)
        assert following, "the lead is on no page"
        page = clerk.browser.get(following[1].replace("&amp;", "&"))
    assert page.status_code == 200
    assert phone not in page.text
    assert "王小满" not in page.text
    assert phone[:3] in page.text
    assert page.headers["Cache-Control"] == "no-store"
    listed = world.rows("SELECT details FROM audit_entries WHERE action = 'leads.listed'")
    assert any(str(lead) in row.details["ids"] for row in listed)
    one = clerk.browser.get(path(lead))
    assert phone not in one.text
    assert "王小满" not in one.text


def test_a_look_is_written_down_though_its_connection_was_cut(world: World, clerk: Someone) -> None:
    """I4, C-66: what was sent ahead may get lost on its way; the page waits for another one."""
    lead, _phone = waiting_lead(world)
    assert clerk.browser.get(path(lead)).status_code == 200
    with world.session() as session:
        assert session.scalars(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = current_user AND query LIKE 'INSERT INTO audit_entries%$11%'"
            )
        ).all()
    assert clerk.browser.get(path(lead)).status_code == 200
    assert clerk.browser.get(path(lead)).status_code == 200
    assert len(audited(world, lead, "leads.shown")) == 3


def test_a_number_is_shown_once_for_a_reason_on_record(world: World, clerk: Someone) -> None:
    """C-64, S-092, I4: a reveal is one audit entry with its reason; the next page masks again."""
    lead, phone = waiting_lead(world)
    refused = clerk.browser.post(path(lead, "reveal"), page=path(lead), reason="curious")
    assert refused.status_code == 422
    assert phone not in refused.text
    shown = clerk.browser.post(path(lead, "reveal"), page=path(lead), reason="call")
    assert f"+86{phone}" in shown.text
    assert "王小满" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert phone not in clerk.browser.get(path(lead)).text
    assert [row.reason for row in audited(world, lead, "leads.revealed")] == ["call"]


def test_nobody_is_called_in_the_evening(world: World, late_clerk: Someone) -> None:
    """L-39: outside the hours the call list is empty and no number is shown for a call."""
    lead, phone = waiting_lead(world)
    page = late_clerk.browser.get("/staff/leads?state=call")
    assert page.status_code == 200
    assert not re.search(r"/staff/leads/[0-9a-f-]{36}", page.text)
    shown = late_clerk.browser.post(path(lead, "reveal"), page=path(lead), reason="call")
    assert shown.status_code == 409
    assert phone not in shown.text


def test_other_roles_do_not_see_the_queue(world: World, site: Flask) -> None:
    """S-019: neither operations nor an administrator works with leads."""
    with world.session() as session:
        other = let_in(site, session, roles=(Role.OPERATIONS,))
    assert other.browser.get("/staff/leads").status_code == 403
    assert Browser(world.app).get("/staff/leads").status_code == 302


def test_two_who_take_the_same_lead_at_once_do_not_both_get_it(
    world: World, clerk: Someone, colleague: Someone
) -> None:
    """Assignment is one conditional update: one wins, the other is told."""
    lead, _phone = waiting_lead(world)
    won: list[bool] = []
    barrier = threading.Barrier(2)

    def take(account: uuid.UUID | None) -> None:
        with Session(world.web, expire_on_commit=False) as session:
            barrier.wait()
            try:
                queue.assign(session, Actor("staff", account), lead, account, expected=None)
                won.append(True)
            except Taken:
                won.append(False)

    threads = [
        threading.Thread(target=take, args=(each.account_id,)) for each in (clerk, colleague)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, True]
    assert len(audited(world, lead, "leads.assigned")) == 1


def test_a_lead_is_taken_and_passed_on(world: World, clerk: Someone, colleague: Someone) -> None:
    """B2: assign to me, then to another; a page from before is told that it moved."""
    lead, _phone = waiting_lead(world)
    me, other = str(clerk.account_id), str(colleague.account_id)
    mine = clerk.browser.post(path(lead, "assign"), page=path(lead), to=me, expected="")
    assert mine.status_code == 303
    passed = clerk.browser.post(path(lead, "assign"), page=path(lead), to=other, expected=me)
    assert passed.status_code == 303
    stale = clerk.browser.post(path(lead, "assign"), page=path(lead), to=me, expected="")
    assert stale.status_code == 409
    nobody = clerk.browser.post(
        path(lead, "assign"), page=path(lead), to=str(uuid.uuid4()), expected=other
    )
    assert nobody.status_code == 404


def test_a_call_that_was_not_answered_is_due_again_and_another_closes(
    world: World, clerk: Someone
) -> None:
    """B2: outcomes; a settled lead cannot be settled twice."""
    lead, _phone = waiting_lead(world)
    before = world.rows("SELECT due_at FROM leads WHERE id = :i", i=lead)[0].due_at
    again = clerk.browser.post(path(lead, "outcome"), page=path(lead), outcome="not_reached")
    assert again.status_code == 303
    row = world.rows("SELECT status, due_at, delete_after FROM leads WHERE id = :i", i=lead)[0]
    assert row.status == "open"
    assert row.due_at >= before
    assert abs(row.delete_after - now() - timedelta(days=90)) < timedelta(minutes=5)
    empty = clerk.browser.post(path(lead, "outcome"), page=path(lead))
    assert empty.status_code == 422
    assert "请选择回电结果" in empty.text
    token = clerk.browser.token(path(lead))
    done = {"csrf_token": token, "outcome": "reached", "note": "问的是报名时间"}
    assert clerk.browser.client.post(path(lead, "outcome"), data=done).status_code == 303
    assert clerk.browser.client.post(path(lead, "outcome"), data=done).status_code == 409


def test_a_number_that_asked_not_to_be_called_stays_out(world: World, clerk: Someone) -> None:
    """S-019: no list holds it any more, nor may it be shown to be dialled."""
    lead, phone = waiting_lead(world)
    sent = clerk.browser.post(path(lead, "outcome"), page=path(lead), outcome="do_not_contact")
    assert sent.status_code == 303
    assert leave(Browser(world.app), phone).status_code == 303
    live = world.rows(
        "SELECT 1 FROM leads WHERE phone_index = :i AND status <> 'closed'",
        i=phone_index("+86" + phone),
    )
    assert live == []
    shown = clerk.browser.post(path(lead, "reveal"), page=path(lead), reason="call")
    assert shown.status_code == 409
    assert phone not in shown.text


def test_pages_of_the_queue_follow_each_other_without_gap(world: World, clerk: Someone) -> None:
    """Lists page by keyset, due first."""
    leads = {waiting_lead(world)[0] for _number in range(5)}
    actor = Actor("staff", clerk.account_id)
    seen: list[uuid.UUID] = []
    due: list[datetime] = []
    after = None
    with world.session() as session:
        while True:
            found = queue.queue(
                session, world.settings, actor, view=View.LIVE, after=after, limit=2
            )
            seen += [line.id for line in found.lines]
            due += [line.due_at for line in found.lines]
            after = found.after
            if after is None:
                break
    assert len(seen) == len(set(seen))
    assert leads <= set(seen)
    assert due == sorted(due)


def test_every_outcome_has_words(clerk: Someone, world: World) -> None:
    """No outcome falls out of the form but those that follow from an act of their own."""
    lead, _phone = waiting_lead(world)
    page = clerk.browser.get(path(lead)).text
    asked = {outcome for outcome in LeadOutcome if f'value="{outcome.value}"' in page}
    assert set(LeadOutcome) - asked == {LeadOutcome.DUPLICATE, LeadOutcome.ACCOUNT_OPENED}
    assert set(OUTCOMES) == set(LeadOutcome)
