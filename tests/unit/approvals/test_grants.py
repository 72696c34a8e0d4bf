"""Standing grants: who may see contact data, and that nobody may without one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest

from heyan.access import SCENARIOS, Role, Scenario
from heyan.approvals import grants
from heyan.approvals.grants import GrantRefused, NotGranted, SamePerson
from heyan.approvals.models import GrantStatus
from heyan.approvals.states import GRANT_MOVES, NotNow, move_grant
from tests.approvals import grant, while_granted
from tests.enrolment import Person, World
from tests.staff import Colleague, colleague

GRANTS = "/staff/approvals/grants"


@pytest.fixture
def record(world: World, person: Person) -> Iterator[tuple[str, str]]:
    """A registration that was handed in, and its student's name."""
    registration, _document = person.submitted(world.event().slug, name="欧阳小满")
    return registration, "欧阳小满"


def proposal(world: World, administrator: Colleague, days: str = "30") -> uuid.UUID:
    """A grant proposed through the door."""
    sent = administrator.post(
        f"{GRANTS}/new", pair="accounts:administrator", purpose="核对来电", days=days
    )
    assert sent.status_code == 303
    (row,) = world.rows("SELECT id FROM standing_grants ORDER BY proposed_at DESC LIMIT 1")
    found: uuid.UUID = row.id
    return found


def test_an_administrator_proposes_and_a_privacy_officer_approves(
    world: World, administrator: Colleague, officer: Colleague
) -> None:
    """S-091, Q3, I6: it counts from the approval on, for its days, and both pages say so."""
    made = proposal(world, administrator)
    with world.session() as session:
        assert not grants.granted(session, administrator.account_id, Scenario.ACCOUNTS)
    refused = administrator.get(f"{GRANTS}/{made}/decide")
    assert refused.status_code == 403
    done = officer.post(f"{GRANTS}/{made}/decide", verdict="approve", reason="日常需要")
    assert done.status_code == 303
    assert "29 天" in officer.get(GRANTS).text
    with world.session() as session:
        assert grants.granted(session, administrator.account_id, Scenario.ACCOUNTS)
        assert not grants.granted(session, administrator.account_id, Scenario.LEADS)
    assert officer.post(f"{GRANTS}/{made}/revoke").status_code == 303
    with world.session() as session:
        assert not grants.granted(session, administrator.account_id, Scenario.ACCOUNTS)


def test_a_grant_is_for_ninety_days_at_most(world: World, administrator: Colleague) -> None:
    """Q3: the form says so and the verb holds it, as does the table."""
    sent = administrator.post(
        f"{GRANTS}/new", pair="accounts:administrator", purpose="核对", days="91"
    )
    assert sent.status_code == 422
    assert "天数在 1 到 90 之间" in sent.text
    with world.session() as session, pytest.raises(GrantRefused):
        grants.propose(
            session, administrator.actor,
            role=Role.ADMINISTRATOR, scenario=Scenario.ACCOUNTS, purpose="核对", days=91,
        )  # fmt: skip


def test_without_a_grant_a_minor_s_contact_data_stay_masked_and_the_page_says_why(
    world: World, clerk: Colleague, record: tuple[str, str]
) -> None:
    """L-06, S-091, S-092, Q3, I6: masked, the reveal refused and on record, with whom to ask."""
    registration, name = record
    place = f"/staff/approvals/records/{registration}"
    page = clerk.get(place)
    assert page.status_code == 200
    assert name not in page.text
    assert "没有有效的授权" in page.text
    refused = clerk.post(f"{place}/reveal", page=place, reason="serve")
    assert refused.status_code == 403
    assert name not in refused.text
    assert "个人信息保护负责人" in refused.text
    denied = world.rows(
        "SELECT details FROM audit_entries WHERE actor_id = :a AND action = 'access.denied'",
        a=clerk.account_id,
    )
    assert [row.details["why"] for row in denied] == ["grant_missing"]
    with while_granted(world, Role.SERVICE, Scenario.REGISTRATIONS):
        assert name not in clerk.get(place).text
        assert name in clerk.post(f"{place}/reveal", page=place, reason="serve").text
    assert clerk.post(f"{place}/reveal", page=place, reason="serve").status_code == 403
    seen = world.rows(
        "SELECT reason FROM audit_entries WHERE subject_id = :r AND action = 'records.revealed'",
        r=registration,
    )
    assert [row.reason for row in seen] == ["serve"]


def test_each_dimension_that_is_taken_away_denies_and_is_named(world: World) -> None:
    """S-086, I2, C-51: role, scenario, grant, and the account itself, each by itself."""
    clerk = colleague(world, Role.SERVICE)
    with world.session() as session:
        with while_granted(world, Role.SERVICE, Scenario.LEADS):
            assert grants.missing(session, clerk.account_id, Scenario.LEADS) is None
            session.rollback()
            other = colleague(world, Role.OPERATIONS)
            assert grants.missing(session, other.account_id, Scenario.LEADS) == "role"
            assert grants.missing(session, clerk.account_id, Scenario.RIGHTS) == "grant"
            with world.owner.begin() as connection:
                connection.exec_driver_sql(
                    f"DELETE FROM account_roles WHERE account_id = '{clerk.account_id}'"
                )
            session.rollback()
            with pytest.raises(NotGranted) as caught:
                grants.require_grant(session, clerk.account_id, Scenario.LEADS)
            assert caught.value.missing == "account"
        session.rollback()
        again = colleague(world, Role.SERVICE)
        assert grants.missing(session, again.account_id, Scenario.LEADS) == "grant"


def test_a_grant_ends_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """I6, Q3: the server's clock ends it; nobody has to."""
    with world.session() as session:
        made = grant(session, Role.OPERATIONS, Scenario.REGISTRATIONS, days=2)
        someone = colleague(world, Role.OPERATIONS)
        assert grants.granted(session, someone.account_id, Scenario.REGISTRATIONS)
        monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(timedelta(days=2, seconds=1).total_seconds()))
        assert not grants.granted(session, someone.account_id, Scenario.REGISTRATIONS)
        monkeypatch.delenv("HEYAN_CLOCK_OFFSET")
        grants.revoke(session, colleague(world, Role.ADMINISTRATOR).actor, made.id)


def test_two_accounts_of_one_human_cannot_propose_and_approve(world: World) -> None:
    """C-50, SECURITY 30: one staff number is one person, whatever the names on the accounts are."""
    one = colleague(world, Role.ADMINISTRATOR, staff_number="E-017")
    other = colleague(world, Role.PRIVACY_OFFICER, staff_number="ｅ-017 ")
    made = proposal(world, one)
    refused = other.post(f"{GRANTS}/{made}/decide", verdict="approve", reason="同意")
    assert refused.status_code == 403
    with world.session() as session:
        with pytest.raises(SamePerson):
            grants.decide(session, other.actor, made, approve=True)
        grants.revoke(session, one.actor, made)


def test_every_transition_that_is_not_there_is_refused() -> None:
    """SECURITY 31: the table is the only way."""
    for here in GrantStatus:
        for to in GrantStatus:
            if to in GRANT_MOVES[here]:
                assert move_grant(here, to) is to
            else:
                with pytest.raises(NotNow):
                    move_grant(here, to)


def test_roles_by_scenarios_are_shown_from_the_code(world: World, administrator: Colleague) -> None:
    """I2, S-086: every scenario is a row; a live grant shows its end."""
    auditor = colleague(world, Role.AUDITOR)
    with while_granted(world, Role.SERVICE, Scenario.CONTACTS):
        for someone in (administrator, auditor):
            page = someone.get("/staff/access").text
            assert "授权到" in page
            assert page.count("没有授权，不显示") >= len(SCENARIOS) - 1
