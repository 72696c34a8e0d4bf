"""What needs two people gets two, also at once and under second accounts (C-50, SECURITY 30)."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from heyan.access import Realm, Role, compatible
from heyan.accounts import devices, people
from heyan.accounts.errors import RolesRefused
from heyan.audit.service import OPERATOR
from heyan.organizations import service as organizations
from heyan.releases import recipients
from heyan.releases.models import RecipientStatus
from heyan.releases.states import RECIPIENT, ForbiddenTransition, move_recipient
from tests.conftest import Clock
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague, organization, proven_recipient

PARALLEL = 50


@pytest.fixture
def operations(world: World) -> Colleague:
    """Somebody in operations."""
    return colleague(world, Role.OPERATIONS)


@pytest.fixture
def officer(world: World) -> Colleague:
    """The privacy officer."""
    return colleague(world, Role.PRIVACY_OFFICER)


def proposed(operations: Colleague) -> tuple[str, uuid.UUID]:
    """Propose an organizer through the page."""
    answer = operations.post(
        "/staff/organizations/new",
        name=f"新单位{uuid.uuid4().hex[:8]}",
        contact="考务处 010-88880000",
        processing_role="independent",
    )
    assert answer.status_code == 303, words_of(answer)
    address = str(answer.headers["Location"])
    return address, uuid.UUID(address.rsplit("/", 1)[1])


def test_an_organizer_is_active_after_a_second_person(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """L1: proposed by one, approved by another, then its first owner is invited."""
    address, _key = proposed(operations)
    assert operations.get(f"{address}/owners/new").status_code == 409
    assert operations.get(f"{address}/approve").status_code == 403
    assert officer.post(f"{address}/approve").status_code == 303
    assert officer.post(f"{address}/approve").status_code == 409
    shown = operations.post(f"{address}/owners/new", login=f"o{uuid.uuid4().hex[:8]}", name="孙")
    assert shown.status_code == 200
    assert "激活码" in words_of(shown)


def test_a_change_of_name_asks_for_consent_again(world: World, operations: Colleague) -> None:
    """L-03, S-006: the version grows once for a change, never for saving the same."""
    row = organization(world)
    form = {"name": row.name, "contact": row.contact, "processing_role": "independent"}
    path = f"/staff/organizations/{row.id}"
    operations.post(f"{path}/edit", **form)
    operations.post(f"{path}/edit", **{**form, "contact": "010-99990000"})
    with world.session() as session:
        assert organizations.get(session, row.id).organization.version == 2


def test_fifty_approvals_at_once_are_one(world: World, operations: Colleague) -> None:
    """C-50: the proposer's own fifty are none."""
    _address, key = proposed(operations)
    officers = [colleague(world, Role.PRIVACY_OFFICER) for _ in range(4)]

    def run(number: int) -> str:
        who = operations if number % 2 else officers[number % len(officers)]
        with world.session() as session:
            try:
                organizations.approve(session, who.actor, key)
            except organizations.SamePerson:
                return "same"
            except organizations.NotWaiting:
                return "late"
            return "approved"

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(run, range(PARALLEL)))
    assert found.count("approved") == 1
    (row,) = world.rows(
        "SELECT proposed_by, approved_by FROM organization_onboardings WHERE organization_id = :o",
        o=key,
    )
    assert row.approved_by != operations.account_id
    assert row.proposed_by == operations.account_id
    (count,) = world.rows(
        "SELECT count(*) AS n FROM audit_entries WHERE subject_id = :o"
        " AND action = 'organizations.approve'",
        o=str(key),
    )
    assert count.n == 1


def test_fifty_approvals_of_a_key_at_once_are_one(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """C-50, SECURITY 30, 31."""
    row = proven_recipient(world, organization(world).id)
    with world.session() as session:
        recipients.confirm(session, operations.actor, row.id, "phone")
    administrator = colleague(world, Role.ADMINISTRATOR)

    def run(number: int) -> str:
        who = (operations, officer, administrator)[number % 3]
        with world.session() as session:
            try:
                recipients.approve(session, who.actor, row.id)
            except recipients.SamePerson:
                return "same"
            except ForbiddenTransition:
                return "late"
            return "approved"

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(run, range(PARALLEL)))
    assert found.count("approved") == 1


def _key_for(world: World, operations: Colleague) -> str:
    row = proven_recipient(world, organization(world).id)
    path = f"/staff/recipients/{row.id}"
    assert operations.post(f"{path}/confirm", how="phone", same="y").status_code == 303
    return path


def test_a_key_passes_two_people_and_then_the_workers_host(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """L1: fingerprint confirmed by one, approved by another; the command is shown at the end."""
    path = _key_for(world, operations)
    assert operations.get(f"{path}/approve").status_code == 403
    assert officer.post(f"{path}/approve").status_code == 303
    shown = officer.get(path)
    assert "python -m uploads_worker pin" in shown.text
    assert officer.post(f"{path}/approve").status_code == 409


def test_a_fingerprint_that_was_not_compared_is_not_confirmed(
    world: World, operations: Colleague
) -> None:
    row = proven_recipient(world, organization(world).id)
    path = f"/staff/recipients/{row.id}/confirm"
    assert operations.post(path, how="phone").status_code == 422
    assert operations.post(path, same="y").status_code == 422
    assert operations.post(path, same="y", how="telepathy").status_code == 422


def test_the_same_human_under_a_second_account_is_refused(world: World) -> None:
    """C-50: by name."""
    operations = colleague(world, Role.OPERATIONS, name="周航（运营）")
    twin = colleague(world, Role.PRIVACY_OFFICER, name="周 航")
    path = _key_for(world, operations)
    assert twin.post(f"{path}/approve").status_code == 403
    address, _key = proposed(operations)
    assert twin.post(f"{address}/approve").status_code == 403


def test_the_same_browser_under_a_second_account_is_refused(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """C-50: by the browser that signed in as both."""
    path = _key_for(world, operations)
    with world.session() as session:
        token = devices.remember(session, world.settings, operations.account_id)
    officer.client.set_cookie("heyan_device", token, domain="localhost")
    assert officer.post(f"{path}/approve").status_code == 403
    officer.client.delete_cookie("heyan_device", domain="localhost")
    assert officer.post(f"{path}/approve").status_code == 303


def test_a_key_is_rejected_with_a_reason(world: World, officer: Colleague) -> None:
    row = proven_recipient(world, organization(world).id)
    path = f"/staff/recipients/{row.id}"
    assert officer.post(f"{path}/reject").status_code == 422
    assert officer.post(f"{path}/reject", reason="指纹不一致").status_code == 303
    assert officer.post(f"{path}/reject", reason="指纹不一致").status_code == 409
    with world.session() as session:
        assert recipients.any_one(session, row.id).status is RecipientStatus.REJECTED


def test_every_forbidden_step_of_a_key_is_refused() -> None:
    """SECURITY 31."""
    for current in RecipientStatus:
        for to in RecipientStatus:
            if to not in RECIPIENT[current]:
                with pytest.raises(ForbiddenTransition):
                    move_recipient(current, to)


def test_one_account_never_holds_both_halves(world: World) -> None:
    """C-50: who confirms keys cannot also approve them, whoever invites them."""
    assert not compatible(frozenset({Role.OPERATIONS, Role.PRIVACY_OFFICER}))
    assert compatible(frozenset({Role.OPERATIONS, Role.SERVICE}))
    with world.session() as session, pytest.raises(RolesRefused):
        people.invite(
            session,
            OPERATOR,
            realm=Realm.STAFF,
            login=f"x{uuid.uuid4().hex}",
            name="x",
            roles=[Role.OPERATIONS, Role.ADMINISTRATOR],
        )


@pytest.mark.parametrize("act", ["approve", "reject"])
def test_approvals_ask_for_the_second_factor_again(
    world: World, operations: Colleague, act: str
) -> None:
    """C-45."""
    stale = colleague(world, Role.PRIVACY_OFFICER, stepped_up=False)
    path = _key_for(world, operations)
    assert "/account/step-up" in stale.get(f"{path}/{act}").headers["Location"]
    assert stale.post(f"{path}/{act}", page=path, reason="x").status_code == 403


def test_step_up_is_stale_after_ten_minutes(
    world: World, operations: Colleague, officer: Colleague, clock: Clock
) -> None:
    """C-45, SECURITY 26."""
    path = _key_for(world, operations)
    assert officer.get(f"{path}/approve").status_code == 200
    clock.move(timedelta(minutes=10, seconds=5))
    assert officer.get(f"{path}/approve").status_code == 302
