"""Somebody has the web's database password: what proves that two people agreed stays as it is."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from heyan import clock as clocks
from heyan.access import Role, Scenario
from heyan.approvals import grants, requests
from heyan.assistance import changes
from heyan.assistance.models import ChangeKind
from heyan.retention.models import LegalHold
from tests.approvals import grant
from tests.enrolment import Person, World
from tests.keeping import hold, pair, release
from tests.staff import Colleague, colleague
from uploads_worker.context import Context


def refused(world: World, statement: str, **values: object) -> None:
    """The web's role may not do this."""
    with world.session() as session, pytest.raises(ProgrammingError) as error:
        session.execute(text(statement), values)
    assert (
        "permission denied" in str(error.value)
        or "stands" in str(error.value)
        or ("is over" in str(error.value))
    ), error.value


def test_a_grant_is_neither_widened_nor_brought_back(world: World) -> None:
    """SECURITY 31, 46, S-091."""
    with world.session() as session:
        row = grant(session, Role.SERVICE, Scenario.LEADS, days=1)
        grant_id = row.id
    which = "WHERE id = :g"
    for what in (
        "role = 'operations'", "scenario = 'accounts'", "days = 90", "proposed_by = decided_by",
        "ends_at = now() + interval '90 days'", "decided_by = proposed_by", "decided_at = now()",
    ):  # fmt: skip
        refused(world, f"UPDATE standing_grants SET {what} {which}", g=grant_id)
    administrator = colleague(world, Role.ADMINISTRATOR)
    with world.session() as session:
        grants.revoke(session, administrator.actor, grant_id)
    refused(world, f"UPDATE standing_grants SET status = 'approved' {which}", g=grant_id)
    refused(world, f"DELETE FROM standing_grants {which}", g=grant_id)


def asked(world: World, clerk: Colleague, registration_id: uuid.UUID) -> uuid.UUID:
    """A request for one registration."""
    with world.session() as session:
        return requests.ask(
            session, clerk.actor, level=3, scenario=Scenario.REGISTRATIONS,
            subject_kind="registration", subject_ids=[registration_id], purpose="dispute", hours=1,
        ).id  # fmt: skip


def test_an_approval_is_neither_prolonged_nor_turned_to_another_record(
    world: World, person: Person
) -> None:
    """SECURITY 31, 46, C-50: whose, of what, until when; a no stays a no."""
    event = world.event()
    registration_id = uuid.UUID(person.submitted(event.slug)[0])
    clerk, officer = colleague(world, Role.SERVICE), colleague(world, Role.PRIVACY_OFFICER)
    approved, no = (asked(world, clerk, registration_id) for _ in range(2))
    with world.session() as session:
        requests.decide(session, officer.actor, approved, approve=True, reason="")
        requests.decide(session, officer.actor, no, approve=False, reason="")
    for what in (
        f"requester_id = '{officer.account_id}'", "level = 4", "hours = 8",
        "subject_kind = 'document'", "ends_at = now() + interval '8 hours'",
        "approved_at = now() + interval '8 hours'",
    ):  # fmt: skip
        refused(world, f"UPDATE access_requests SET {what} WHERE id = :r", r=approved)
    refused(world, "UPDATE access_requests SET status = 'approved' WHERE id = :r", r=no)
    refused(world, "UPDATE access_decisions SET approved = true WHERE request_id = :r", r=no)
    refused(world, "DELETE FROM access_decisions WHERE request_id = :r", r=no)
    refused(world, "DELETE FROM access_request_subjects WHERE request_id = :r", r=no)


def test_a_hold_cannot_be_ended_or_moved_by_a_statement(world: World, person: Person) -> None:
    """S-059, SECURITY 46: what it keeps, until when, and who agreed."""
    people = pair(world)
    hold_id = hold(world, "account", person.account_id, people=people)
    for what in (
        "ends_at = now()", "subject_id = gen_random_uuid()", "approved_at = NULL",
        "approved_by = NULL", "approved_by = asked_by",
    ):  # fmt: skip
        refused(world, f"UPDATE legal_holds SET {what} WHERE id = :h", h=hold_id)
    refused(world, "DELETE FROM legal_holds WHERE id = :h", h=hold_id)
    release(world, hold_id, people)
    refused(world, "UPDATE legal_holds SET released_at = NULL WHERE id = :h", h=hold_id)
    with world.session() as session:
        assert session.get_one(LegalHold, hold_id).released_at is not None


def test_a_slow_change_is_not_hurried_and_takes_no_other_number(
    world: World, context: Context, person: Person
) -> None:
    """C-34: the 72 hours and the number are what the second clerk confirmed."""
    one, other = colleague(world, Role.SERVICE), colleague(world, Role.SERVICE)
    with world.session() as session:
        row = changes.ask(
            session, one.actor, person.account_id, kind=ChangeKind.PHONE, proof="in_person",
            checked=["id_document"], phone=f"+86137{uuid.uuid4().int % 100_000_000:08d}",
        )  # fmt: skip
        changes.confirm(session, world.settings, other.actor, row.id)
        change_id = row.id
    early = clocks.now() - timedelta(hours=1)
    refused(world, "UPDATE account_changes SET due_at = :d WHERE id = :c", d=early, c=change_id)
    for what in ("new_login = 'x'", "confirmed_by = NULL", "account_id = asked_by"):
        refused(world, f"UPDATE account_changes SET {what} WHERE id = :c", c=change_id)
    with world.session() as session:
        changes.stop(session, one.actor, person.account_id, change_id)
    refused(world, "UPDATE account_changes SET ended_at = NULL WHERE id = :c", c=change_id)


def test_whose_a_row_is_and_what_was_sealed_stand(world: World, person: Person) -> None:
    """C-70, SECURITY 11: neither picture, owner, key of an organizer nor realm is exchanged."""
    event = world.event()
    registration_id = uuid.UUID(person.submitted(event.slug)[0])
    for what in (
        "ciphertext_sha256 = '\\x00'", "commitment = '\\x00'", "object_key = 'sealed/other'",
        "object_version = 'other'", "vault_key_id = vault_key_id", "received_at = now()",
        "registration_id = registration_id", "kind = kind", "destroyed_at = now()",
    ):  # fmt: skip
        refused(world, f"UPDATE documents SET {what} WHERE registration_id = :r", r=registration_id)
    for what in ("account_id = account_id", "student_id = student_id", "event_id = event_id"):
        refused(world, f"UPDATE registrations SET {what} WHERE id = :r", r=registration_id)
    for what in ("realm = 'staff'", "organization_id = NULL"):
        refused(world, f"UPDATE accounts SET {what} WHERE id = :a", a=person.account_id)
    refused(world, "UPDATE recipients SET recipient = 'age1other'")
    refused(world, "UPDATE recipients SET organization_id = organization_id")
