"""The anchor leaves the house, and times in the chain run forward."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from heyan import clock
from heyan.access import Role
from heyan.notifications.models import Message
from tests.enrolment import World
from tests.oversight import entries
from tests.staff import colleague
from uploads_worker import audit_chain, audit_times, oversight
from uploads_worker.context import Context

OUTSIDE = "anchors@example.org"


def _mails(context: Context) -> list[Message]:
    with context.sessions() as session:
        return list(session.query(Message).filter_by(kind="audit_anchor"))


def test_each_new_anchor_is_mailed_outside_once(world: World, context: Context) -> None:
    """C-65: hourly, outside the database; it holds a place, a digest and a time."""
    settings = dataclasses.replace(context.settings, anchor_email=OUTSIDE, channels=("email",))
    outward = dataclasses.replace(context, settings=settings)
    before = len(_mails(context))
    entries(world, colleague(world, Role.SERVICE).account_id, "leads.listed", 1)
    target = oversight.anchor_outside(outward)
    oversight.anchor_outside(outward)
    mails = _mails(context)
    assert target is not None
    assert len(mails) in (before + 1, before + 2)  # the mail itself is an entry
    assert mails[-1].address == OUTSIDE
    assert json.loads(json.loads(mails[-1].params)["text"])["payloadType"]


def test_a_clock_that_was_set_back_is_named(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 48: seals' signed times run forward; where they do not, the place is said."""
    who = colleague(world, Role.SERVICE).account_id
    audit_chain.link_and_seal(context, whole=True)
    before = audit_times.check(context)
    entries(world, who, "leads.listed", 1)
    earlier = datetime.now(UTC) - timedelta(hours=3)
    with monkeypatch.context() as back:
        back.setattr(clock, "now", lambda: earlier)
        audit_chain.link_and_seal(context, whole=True)
    found = audit_times.check(context)
    assert before.monotonic
    assert not found.monotonic
    assert len(found.backward) == 1
    assert found.late_entries >= 1


def test_an_entry_that_was_put_in_afterwards_and_dated_back_is_named(
    world: World, context: Context
) -> None:
    """SECURITY 46, 48, C-65: an owner of the database makes up what somebody did last week."""
    who = colleague(world, Role.SERVICE).account_id
    audit_chain.link_and_seal(context, whole=True)
    before = audit_times.check(context)
    with world.owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_entries (at, actor_kind, actor_id, action, subject_kind,"
                " outcome, details) VALUES (now() - interval '7 days', 'staff', :a, 'leads.reveal',"
                " 'lead', 'done', '{}')"
            ),
            {"a": who},
        )
    audit_chain.link_and_seal(context, whole=True)
    found = audit_times.check(context)
    assert found.dated_back == before.dated_back + 1
    assert not found.monotonic
