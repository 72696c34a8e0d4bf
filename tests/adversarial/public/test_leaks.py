"""A name and a number left for a callback stand nowhere in the clear (C-67, S-033)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from heyan.access import Role, Scenario
from tests.accounts import Browser, let_in, some_phone
from tests.approvals import while_granted
from tests.enrolment import World
from tests.public import leave


def everything(world: World) -> str:
    """Every row of every table as its owner sees it, columns of bytes as text too."""
    tables = world.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        " AND table_type = 'BASE TABLE'"
    )
    found: list[str] = []
    for (table,) in tables:
        rows = world.rows(f'SELECT * FROM "{table}"')
        for row in rows:
            for value in row:
                if isinstance(value, bytes | memoryview):
                    found.append(bytes(value).decode("utf-8", "replace"))
                else:
                    found.append(str(value))
    return "\n".join(found)


def test_no_table_and_no_log_holds_a_name_or_a_number(
    world: World, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    """C-67, C-68, S-033, I2: left, refused, called, noted; then every table and line is read."""
    mark = uuid.uuid4().hex[:6]
    name, phone, note = f"欧阳{mark}", some_phone(), f"备注{mark}"
    wrong = f"{phone}9"
    visitor = Browser(world.app)
    leave(visitor, wrong, name=name)
    leave(visitor, phone, name=f"{name}\r\nlevel=error forged\x1b[31m\x00")
    visitor.get(f"/leads/new?event={mark}")
    (row,) = world.rows("SELECT id FROM leads ORDER BY created_at DESC LIMIT 1")
    with world.session() as session:
        clerk = let_in(world.app, session, roles=(Role.SERVICE,))
    place = f"/staff/leads/{row.id}"
    with while_granted(world, Role.SERVICE, Scenario.LEADS):
        shown = clerk.browser.post(f"{place}/reveal", page=place, reason="correct")
    assert phone in shown.text
    clerk.browser.post(f"{place}/outcome", page=place, outcome="reached", note=note)
    stored = everything(world)
    said = "".join(capfd.readouterr()) + caplog.text
    for seeded in (name, phone, wrong, note, mark):
        assert seeded not in stored
        assert seeded not in said
    assert "level=error forged" not in said
