"""Approvals at the worker: its own rights, reminders once a mark, and what goes after its time."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from heyan.access import Role, Scenario
from heyan.approvals import requests
from tests.approvals import grant, somebody
from tests.enrolment import Person, World
from uploads_worker.approvals import RULES, expire, tend_approvals
from uploads_worker.context import Context


def notices(world: World, kind: str, key: str, value: uuid.UUID) -> list[str]:
    """The marks that an administrator was told of."""
    rows = world.rows(
        "SELECT params FROM notices WHERE kind = :k AND params ->> :f = :v",
        k=kind, f=key, v=str(value),
    )  # fmt: skip
    return sorted({row.params.get("days", "") for row in rows})


def test_the_end_of_a_grant_is_told_fourteen_and_three_days_before(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q3, I6: each mark once."""
    with world.session() as session:
        made = grant(session, Role.SERVICE, Scenario.RIGHTS, days=90)
    for days, told in ((0, []), (77, ["14"]), (78, ["14"]), (88, ["14", "3"]), (89, ["14", "3"])):
        monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(timedelta(days=days).total_seconds()))
        tend_approvals(context)
        tend_approvals(context)
        assert notices(world, "grant_ending", "grant_id", made.id) == told


def test_the_worker_knows_what_is_approved_and_deletes_requests_after_three_years(
    world: World, context: Context, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I6, C-70: it reads who approved what, never the words; proof goes after its period."""
    registration, _document = person.submitted(world.event().slug)
    with world.session() as session:
        made = requests.ask(
            session, somebody(session, Role.SERVICE), level=3, scenario=Scenario.REGISTRATIONS,
            subject_kind="registration", subject_ids=[uuid.UUID(registration)],
            purpose="dispute", hours=8, note="说明",
        ).id  # fmt: skip
        officer = somebody(session, Role.PRIVACY_OFFICER)
        monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(timedelta(hours=5).total_seconds()))
        tend_approvals(context)
        (reminded,) = world.rows("SELECT reminded_at FROM access_requests WHERE id = :r", r=made)
        assert reminded.reminded_at is not None
        requests.decide(session, officer, made, approve=True, reason="同意")
    with context.sessions() as session:
        found = requests.confirmed(session, made)
        assert found is not None
        assert found.roles == ("privacy_officer",)
    assert expire(context) == 0
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(timedelta(days=1096).total_seconds()))
    with context.sessions() as session:
        assert requests.confirmed(session, made) is None
    expire(context)
    assert world.rows("SELECT 1 FROM access_requests WHERE id = :r", r=made) == []
    assert [rule.name for rule in RULES] == ["approvals"]
