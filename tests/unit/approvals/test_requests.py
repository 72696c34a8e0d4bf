"""Requests for named records: asked, decided by the level's approvers, ended."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from heyan.access import Role, Scenario
from heyan.approvals import requests
from heyan.approvals.grants import NotApprover, SamePerson
from heyan.approvals.models import RequestStatus
from heyan.approvals.requests import RequestInvalid
from heyan.approvals.states import REQUEST_MOVES, NotNow, move_request
from heyan.audit.service import Actor
from tests.enrolment import Person, World
from tests.staff import Colleague, colleague

HOME = "/staff/approvals"


@pytest.fixture
def handed_in(world: World, person: Person) -> tuple[uuid.UUID, uuid.UUID]:
    """A registration and one of its documents."""
    registration, document = person.submitted(world.event().slug)
    return uuid.UUID(registration), uuid.UUID(document)


def ask(world: World, clerk: Colleague, kind: str, subject: uuid.UUID) -> uuid.UUID:
    """Ask through the door; returns the request."""
    sent = clerk.post(
        f"{HOME}/new?kind={kind}&id={subject}",
        scenario="registrations", purpose="dispute", note="家长对退回有异议", hours="2",
    )  # fmt: skip
    assert sent.status_code == 303, sent.text
    return uuid.UUID(sent.headers["Location"].rsplit("/", 1)[1])


def decide(someone: Colleague, made: uuid.UUID, verdict: str = "approve") -> int:
    """Say yes or no through the door; returns the status."""
    sent = someone.post(f"{HOME}/{made}/decide", verdict=verdict, reason="情况属实")
    return sent.status_code


def test_sensitive_fields_show_only_while_an_approved_request_lives(
    world: World,
    clerk: Colleague,
    officer: Colleague,
    handed_in: tuple[uuid.UUID, uuid.UUID],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """I6, S-091, S-092, C-51: refused before, shown after, each look on record, then over."""
    registration, _document = handed_in
    place = f"{HOME}/records/{registration}/sensitive"
    assert clerk.get(place).status_code == 403
    made = ask(world, clerk, "registration", registration)
    assert clerk.get(place).status_code == 403
    assert decide(officer, made) == 303
    shown = clerk.get(place)
    assert shown.status_code == 200
    assert "浏览器标识" in shown.text
    assert requests.number_of(made) in shown.text
    other = colleague(world, Role.SERVICE)
    assert other.get(place).status_code == 403
    looks = world.rows(
        "SELECT actor_id FROM audit_entries WHERE subject_id = :r AND action = 'records.sensitive'",
        r=str(registration),
    )
    assert [row.actor_id for row in looks] == [clerk.account_id]
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(timedelta(hours=2, seconds=1).total_seconds()))
    with world.session() as session:
        live = requests.live(session, clerk.account_id, "registration", registration)
    assert live is None


def test_an_approver_or_the_requester_ends_it_early(
    world: World, clerk: Colleague, officer: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """C-51, I6: from the next request on nothing shows."""
    registration, _document = handed_in
    place = f"{HOME}/records/{registration}/sensitive"
    for ender in (clerk, officer):
        made = ask(world, clerk, "registration", registration)
        assert decide(officer, made) == 303
        assert clerk.get(place).status_code == 200
        assert ender.post(f"{HOME}/{made}/end", page=f"{HOME}/{made}").status_code == 303
        assert clerk.get(place).status_code == 403


def test_a_role_that_was_taken_counts_at_the_next_request(
    world: World, clerk: Colleague, officer: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """C-51: an approval is worth nothing to somebody who is no longer in the role."""
    made = ask(world, clerk, "registration", handed_in[0])
    assert decide(officer, made) == 303
    with world.session() as session:
        assert requests.confirmed(session, made) is not None
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            f"DELETE FROM account_roles WHERE account_id = '{clerk.account_id}'"
        )
    with world.session() as session:
        assert requests.confirmed(session, made) is None


def test_documents_need_an_officer_and_an_administrator(
    world: World,
    clerk: Colleague,
    officer: Colleague,
    administrator: Colleague,
    handed_in: tuple[uuid.UUID, uuid.UUID],
) -> None:
    """S-091, DESIGN 3, I6: two people, each in a role of the level; then a viewing is ordered."""
    made = ask(world, clerk, "document", handed_in[1])
    assert decide(clerk, made) == 403
    assert decide(officer, made) == 303
    with world.session() as session:
        assert requests.confirmed(session, made) is None
    assert decide(officer, made) == 403
    assert decide(colleague(world, Role.PRIVACY_OFFICER), made) == 403
    assert decide(administrator, made) == 303
    with world.session() as session:
        found = requests.confirmed(session, made)
    assert found is not None
    assert found.roles == ("administrator", "privacy_officer")
    assert found.subject_ids == {handed_in[1]}
    ordered = world.rows("SELECT requester_id FROM viewings WHERE request_id = :r", r=made)
    assert [row.requester_id for row in ordered] == [clerk.account_id]


def test_one_no_ends_a_request(
    world: World, clerk: Colleague, officer: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """I6, SECURITY 31: refused is refused, also for the approver who comes later."""
    made = ask(world, clerk, "document", handed_in[1])
    assert decide(officer, made, "refuse") == 303
    assert decide(colleague(world, Role.ADMINISTRATOR), made) == 409


def test_nobody_approves_their_own_nor_under_a_second_account(
    world: World, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """C-50, SECURITY 30: own request, and one human with two accounts on either side of it."""
    asking = colleague(world, Role.PRIVACY_OFFICER, staff_number="N-1")
    made = ask(world, asking, "document", handed_in[1])
    assert decide(asking, made) == 403
    assert decide(colleague(world, Role.ADMINISTRATOR, staff_number="n-1"), made) == 403
    one = colleague(world, Role.PRIVACY_OFFICER, staff_number="N-2")
    assert decide(one, made) == 303
    assert decide(colleague(world, Role.ADMINISTRATOR, staff_number="N-2"), made) == 403
    assert decide(colleague(world, Role.ADMINISTRATOR, staff_number="N-3"), made) == 303


def test_fifty_approvals_at_once_by_one_person_count_once(
    world: World, clerk: Colleague, officer: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """C-50, SECURITY 30, 31: the row's lock lets one through; two people are still needed."""
    made = ask(world, clerk, "document", handed_in[1])

    def once(_number: int) -> bool:
        with world.session() as session:
            try:
                requests.decide(session, officer.actor, made, approve=True, reason="同意")
            except (SamePerson, NotNow, NotApprover):
                return False
            return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(once, range(50))) == 1
    with world.session() as session:
        assert requests.confirmed(session, made) is None
        assert len(requests.decisions(session, made)) == 1


def test_what_is_asked_for_is_named_known_and_short(
    world: World, clerk: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """I6: eight hours at L3, a day at L4, real records, at the level that they have."""
    actor = Actor("staff", clerk.account_id)
    registration, document = handed_in
    for level, kind, subject, hours in (
        (3, "registration", registration, 9),
        (4, "document", document, 25),
        (3, "document", document, 1),
        (3, "registration", uuid.uuid4(), 1),
    ):
        with world.session() as session, pytest.raises(RequestInvalid):
            requests.ask(
                session, actor, level=level, scenario=Scenario.REGISTRATIONS, subject_kind=kind,
                subject_ids=[subject], purpose="dispute", hours=hours,
            )  # fmt: skip
    shown = clerk.post(
        f"{HOME}/new?kind=registration&id={registration}",
        scenario="registrations", purpose="dispute", note="", hours="9",
    )  # fmt: skip
    assert shown.status_code == 422
    assert "最多 8 小时" in shown.text


def test_another_clerk_s_request_is_not_found(
    world: World, clerk: Colleague, handed_in: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """I6: seen by who asked, the level's approvers and the auditor; by nobody else."""
    made = ask(world, clerk, "registration", handed_in[0])
    assert colleague(world, Role.SERVICE).get(f"{HOME}/{made}").status_code == 404
    assert colleague(world, Role.AUDITOR).get(f"{HOME}/{made}").status_code == 200


def test_every_transition_that_is_not_there_is_refused() -> None:
    """SECURITY 31: the table is the only way."""
    for here in RequestStatus:
        for to in RequestStatus:
            if to in REQUEST_MOVES[here]:
                assert move_request(here, to) is to
            else:
                with pytest.raises(NotNow):
                    move_request(here, to)
