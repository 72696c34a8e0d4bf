"""Each sweep says what it did and what it left; the page shows it, failures included (S-075)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from heyan import clock as clocks
from heyan.access import Role
from heyan.retention.figures import figures
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.staff import colleague
from tests.worker import audit_of, opened, submit
from uploads_worker import sweep
from uploads_worker.context import Context
from uploads_worker.hosts import ClocksDisagree
from uploads_worker.keeping import record, rules


def test_a_sweep_after_a_year_leaves_nothing_overdue(
    world: World, context: Context, clock: Clock
) -> None:
    """S-075, S-087, H2: time travel; the figure is 0 and the run says what went."""
    submit(world, context)
    clock.move(timedelta(days=800))
    with context.sessions() as session:
        before, uncounted = record.overdue(session)
    assert uncounted == []
    assert before["documents"] >= 1
    # What can only go once the account was warned a month before is swept by a second sweep.
    sweep.sweep(context)
    with world.session() as session:
        found = figures(session)
    assert found.overdue == {}
    assert not found.late
    assert found.runs[0].done["events"] >= 1
    assert sum(found.runs[0].done.values()) > 0


def test_a_clock_that_ran_away_destroys_nothing(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 50: a jump of this host alone; said in the log, and swept once it is over."""
    case = submit(world, context)
    with monkeypatch.context() as ahead:
        ahead.setattr(clocks, "present", lambda: datetime.now(UTC) + timedelta(days=4000))
        with pytest.raises(ClocksDisagree):
            sweep.sweep(context)
    assert opened(context, case.document_id)
    sweep.sweep(context)


def test_what_fails_is_shown_and_not_hidden(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-075: the page names the rule, the count stays, an alert is on record."""
    case = submit(world, context)
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE documents SET destroy_due_at = :t WHERE id = :d"),
            {"t": clocks.now() - timedelta(hours=3), "d": case.document_id},
        )

    def broken(_context: Context) -> int:
        raise RuntimeError("the store is away")

    with monkeypatch.context() as patch:
        patch.setitem(sweep.BROOMS, "documents", broken)
        with pytest.raises(sweep.SweepIncomplete):
            sweep.sweep(context)
    officer = colleague(world, Role.PRIVACY_OFFICER)
    shown = words_of(officer.get("/staff/retention"))
    assert "没做成" in shown
    assert "过期未销毁 1" in shown
    assert audit_of(world, "keeping.overdue")[-1]["outcome"] == "failed"
    assert "过了最后一天还没有销毁的" in words_of(officer.get("/staff"))
    sweep.sweep(context)
    assert "过期未销毁 0" in words_of(officer.get("/staff/retention"))


def test_a_sweep_that_did_not_come_is_missed(world: World, context: Context, clock: Clock) -> None:
    """S-075: two hours without a sweep that ended stand on the page."""
    sweep.sweep(context)
    clock.move(timedelta(hours=1))
    with world.session() as session:
        assert not figures(session).late
    clock.move(timedelta(hours=2))
    with world.session() as session:
        assert figures(session).late
    officer = colleague(world, Role.PRIVACY_OFFICER)
    assert "清理任务超过两小时没有完成" in words_of(officer.get("/staff/retention"))


def test_a_rule_that_cannot_be_counted_is_named(
    world: World, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: object, _moment: object) -> int:
        raise RuntimeError("no")

    given = [*rules.all_rules(), rules.rule("broken", "", "", broken)]
    monkeypatch.setattr(rules, "all_rules", lambda: given)
    sweep.sweep(context)
    with world.session() as session:
        assert "count:broken" in figures(session).failed
    monkeypatch.undo()
    sweep.sweep(context)


def test_who_may_see_the_figures(world: World) -> None:
    for role, status in (
        (Role.AUDITOR, 200),
        (Role.ADMINISTRATOR, 200),
        (Role.SERVICE, 403),
        (Role.OPERATIONS, 403),
    ):
        assert colleague(world, role).get("/staff/retention").status_code == status
