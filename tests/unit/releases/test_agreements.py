"""Nothing is handed to an organizer that no agreement binds, nor of an account in strange hands."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from heyan.agreements.models import Agreement
from heyan.assistance import recovery
from heyan.audit.service import OPERATOR
from heyan.releases.models import Release, ReleaseState
from tests.agreements import bind
from tests.conftest import Clock
from tests.releases import Batches, Organizer
from uploads_worker.agreements import tend_agreements
from uploads_worker.releases import build_release, due_releases


def states(batches: Batches, organizer: Organizer) -> list[tuple[str, str | None]]:
    """The organizer's releases, in order."""
    return [
        (str(state), problem)
        for state, problem in batches.rows(
            "SELECT state, problem FROM releases WHERE event_id = :e ORDER BY number",
            e=str(organizer.event_id),
        )
    ]


def test_without_an_agreement_a_release_is_refused_and_goes_out_once_it_is_there(
    batches: Batches, clock: Clock
) -> None:
    """K2, S-034, S-104: it stands as refused, once, and goes out by itself."""
    organizer = batches.organizer(bound=False)
    batches.enrol(organizer)
    for _ in range(2):
        build_release(batches.context, organizer.event_id, "demand")
    assert states(batches, organizer) == [(ReleaseState.FAILED.value, "agreement")]
    clock.move(timedelta(hours=1))
    due_releases(batches.context)
    assert not waiting(batches, organizer)
    with batches.session() as session:
        bind(session, organizer.organization_id)
    due_releases(batches.context)
    assert waiting(batches, organizer)
    build_release(batches.context, organizer.event_id, "schedule")
    assert states(batches, organizer)[-1][0] == ReleaseState.OFFERED.value


def waiting(batches: Batches, organizer: Organizer) -> int:
    """How many builds of the event wait."""
    found = batches.rows(
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'build_release'"
        " AND status = 'todo' AND args->>'event_id' = :e",
        e=str(organizer.event_id),
    )
    return int(found[0][0])


def test_an_expired_agreement_stops_the_next_release(batches: Batches, clock: Clock) -> None:
    """S-104: suspended or expired: refused."""
    organizer = batches.organizer()
    with Session(batches.owner) as session:
        session.execute(
            text("UPDATE agreements SET status = 'suspended' WHERE organization_id = :o"),
            {"o": organizer.organization_id},
        )
        session.commit()
    batches.enrol(organizer)
    build_release(batches.context, organizer.event_id, "demand")
    assert states(batches, organizer) == [(ReleaseState.FAILED.value, "agreement")]
    assert clock


def test_nothing_of_a_frozen_account_is_released(batches: Batches) -> None:
    """S-102: documents are not released meanwhile; those of others are."""
    organizer = batches.organizer()
    mine, other = batches.enrol(organizer), batches.enrol(organizer)
    with batches.session() as session:
        recovery.freeze(session, OPERATOR, mine.account_id, reported_by="staff")
    build_release(batches.context, organizer.event_id, "demand")
    with batches.session() as session:
        query = select(Release).where(Release.event_id == organizer.event_id)
        release = session.scalars(query).one()
        assert release.registrations_count == 1
    released = batches.rows(
        "SELECT d.registration_id FROM release_items i JOIN documents d ON d.id = i.document_id"
        " JOIN releases r ON r.id = i.release_id WHERE r.event_id = :e AND i.state = 'included'",
        e=str(organizer.event_id),
    )
    assert {one for (one,) in released} == {other.registration_id}


def test_staff_hear_of_an_end_60_and_14_days_before_and_at_it(
    batches: Batches, clock: Clock
) -> None:
    """K2, L-12: once a mark, then that the deletion is to be confirmed."""
    organizer = batches.organizer(bound=False)
    with batches.session() as session:
        row = bind(session, organizer.organization_id, days=90)
    told: list[int | None] = []
    for days in (0, 31, 46, 15):
        clock.move(timedelta(days=days))
        tend_agreements(batches.context)
        tend_agreements(batches.context)
        with batches.session() as session:
            told.append(session.get_one(Agreement, row.id).reminded_days)
    assert told == [None, 60, 14, 0]
    found = batches.rows(
        "SELECT count(*) FROM audit_entries WHERE action = 'agreements.remind' AND subject_id = :a",
        a=str(row.id),
    )
    assert found[0][0] == 3
