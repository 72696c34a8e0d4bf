"""A trail that takes nothing: whatever anybody does, nothing has happened (C-66, SECURITY 47)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from tests.access import ROLES, Universe, address, needed, snapshot
from tests.accounts import some_address
from tests.enrolment import World
from tests.forms import forms

# Of the one act that is on no record: that somebody has read what was told to them.
UNWRITTEN = "/notices/read"


@contextmanager
def no_trail(world: World) -> Iterator[None]:
    """Let every entry of the audit trail fail, as on a full disk."""
    with world.owner.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION no_trail() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE disk_full USING MESSAGE = 'no room'; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER no_trail BEFORE INSERT ON audit_entries"
                " FOR EACH ROW EXECUTE FUNCTION no_trail()"
            )
        )
    try:
        yield
    finally:
        with world.owner.begin() as connection:
            connection.execute(text("DROP FUNCTION no_trail() CASCADE"))


def everything(world: World) -> dict[str, str]:
    """A digest of every table, and which sessions live with what."""
    (row,) = world.rows(
        "SELECT md5(coalesce(string_agg(concat(id, revoked_at, step_up_at, authenticated_at), ''"
        " ORDER BY id), '')) AS digest FROM login_sessions"
    )
    return {**snapshot(world), "login_sessions": row.digest}


def do(universe: Universe, who: str, acts: list[tuple[str, dict[str, str]]]) -> list[int]:
    """Send each form as *who*; return the statuses."""
    return [
        universe.clients[who]
        .post(action, data=fields, environ_base={"REMOTE_ADDR": some_address()})
        .status_code
        for action, fields in acts
    ]


@pytest.mark.parametrize("who", sorted(ROLES))
def test_without_its_entry_no_act_happens(universe: Universe, who: str) -> None:
    """C-66, SECURITY 47: every form of every page, filled in, by everyone who may send it."""
    world = universe.world
    acts = [
        (action, fields)
        for action, method, fields in forms(universe, who, fill=True)
        if method == "POST" and not action.endswith(UNWRITTEN)
    ]
    before = everything(world)
    with no_trail(world):
        without = do(universe, who, acts)
        after = everything(world)
    went = [act[0] for act, status in zip(acts, without, strict=True) if status < 400]
    assert {table for table in before if before[table] != after[table]} == set(), went
    # Some came as far as their entry; others were refused for what was filled in.
    assert 503 in without, without


@pytest.mark.parametrize("who", ["owner_x", "service", "operations", "privacy_officer", "auditor"])
def test_nothing_is_shown_without_its_entry(universe: Universe, who: str) -> None:
    """C-66, S-092: a look that is put on record is refused when it cannot be."""
    world, client = universe.world, universe.clients[who]
    last = "SELECT coalesce(max(id), 0) FROM audit_entries"
    recorded = []
    for rule in world.app.url_map.iter_rules():
        permission = None if rule.endpoint == "static" else needed(universe, rule)
        if (
            permission is None
            or not universe.may(who, permission)
            or "GET" not in (rule.methods or ())
        ):
            continue
        (before,) = world.rows(last)
        shown = client.get(address(universe, rule)).status_code
        if shown == 200 and world.rows(last)[0] != before:
            recorded.append(rule)
    with no_trail(world):
        shown_all_the_same = [
            rule.rule for rule in recorded if client.get(address(universe, rule)).status_code == 200
        ]
    assert recorded
    assert shown_all_the_same == []
