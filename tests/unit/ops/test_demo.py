"""The demonstration: built through the verbs, quick, and never beside production."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from deploy.local import bootstrap
from deploy.local.machine import Machine
from deploy.local.variables import ROOT
from heyan.accounts.demo import LOGINS, demo_accounts, refuse_demo
from heyan.environment import SettingsError


@pytest.fixture(scope="module")
def demo(stack: Machine) -> dict[str, object]:
    bootstrap.demo_data(stack)
    found: dict[str, object] = json.loads((stack.home / "demo.json").read_text("utf-8"))
    return found


def test_demo_json_says_how_everyone_signs_in(demo: dict[str, object], stack: Machine) -> None:
    assert set(demo) >= {
        *("base_url", "student", "organizer", "service", "operations", "privacy_officer"),
        *("administrator", "auditor"),
    }
    organizer = demo["organizer"]
    assert isinstance(organizer, dict)
    identity = Path(organizer["age_identity_file"])
    assert "AGE-SECRET-KEY-1" in identity.read_text("utf-8")
    for path in (identity, stack.home / "demo.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_demo_has_three_published_events_with_signed_keys_and_a_pinned_organizer(
    demo: dict[str, object], owner_engine: Engine
) -> None:
    with owner_engine.connect() as connection:
        events = connection.execute(
            text(
                "SELECT count(*) FROM events e JOIN vault_keys k ON k.event_id = e.id"
                " WHERE e.status = 'published' AND k.status = 'active'"
                " AND e.slug IN ('huabei-kechuang-12','yingyu-dengji-qiu','chengxu-sheji-hanjia')"
            )
        ).scalar_one()
        pinned = connection.execute(
            text("SELECT count(*) FROM recipients WHERE status = 'pinned' AND recipient = :r"),
            {"r": demo["organizer"]["recipient"]},  # type: ignore[index]
        ).scalar_one()
    assert (events, pinned) == (3, 1)


def test_production_does_not_start_beside_a_demo_account(
    demo: dict[str, object], web_engine: Engine
) -> None:
    """C-40."""
    with Session(web_engine) as session:
        assert demo_accounts(session) == sum(map(len, LOGINS.values()))
        with pytest.raises(SettingsError, match="demo accounts"):
            refuse_demo(session)


def test_the_roles_for_an_external_server_are_those_of_the_local_one() -> None:
    """What `./dev up` grants is what deploy/postgresql/roles.sql grants."""
    from deploy.local.postgres import GRANTS, ROLES

    written = (ROOT / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")
    assert all(f"{grant};" in written for grant in GRANTS)
    assert all(f"CREATE ROLE heyan_{role} LOGIN NOSUPERUSER" in written for role in ROLES)


def test_every_dependency_has_its_line_and_every_setting_its_place_in_the_docs() -> None:
    """STYLE 22: each with what for, and why this one."""
    written = (ROOT / "docs" / "dependencies.md").read_text("utf-8").casefold()
    for name in ("requirements.in", "requirements-dev.in"):
        for line in (ROOT / name).read_text("utf-8").splitlines():
            found = re.match(r"[A-Za-z0-9_.-]+", line.strip())
            if found and not line.startswith(("-", "#")):
                assert found[0].casefold() in written, found[0]


def test_the_documents_name_only_commands_and_log_events_that_exist() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    source = "".join(
        path.read_text("utf-8")
        for folder in ("site/heyan", "uploads_worker")
        for path in (ROOT / folder).rglob("*.py")
    )
    alerts = next(line for line in told.splitlines() if line.startswith("- Alert on"))
    events = re.findall(r"`([a-z_.]+)`", alerts)
    assert len(events) > 5
    assert [event for event in events if f'"{event}"' not in source] == []
    for link in re.findall(r"\]\(([^)#:]+)\)", told):
        assert (ROOT / "docs" / link).exists(), link
