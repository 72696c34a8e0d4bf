"""When batches are due, when organizers are reminded, and when a batch ends."""

from __future__ import annotations

from datetime import timedelta

import pyrage
import pytest

from heyan.custody.objects import ObjectMissing
from heyan.documents.models import DocumentState
from heyan.releases.models import ReleaseState
from tests.conftest import Clock
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release, due_releases, expire_releases, remind


def asked(batches: Batches, organizer: Organizer) -> list[str]:
    """Run what is due; return the triggers of the event's waiting jobs, and let them go."""
    due_releases(batches.context)
    query = "SELECT args->>'trigger' FROM procrastinate_jobs WHERE args->>'event_id' = :e"
    event = {"e": str(organizer.event_id)}
    found = [one for (one,) in batches.rows(query + " AND task_name = 'build_release'", **event)]
    batches.change(
        "DELETE FROM procrastinate_events WHERE job_id IN"
        " (SELECT id FROM procrastinate_jobs WHERE args->>'event_id' = :e)",
        **event,
    )
    batches.change("DELETE FROM procrastinate_jobs WHERE args->>'event_id' = :e", **event)
    return found


def offered(batches: Batches, organizer: Organizer) -> None:
    build_release(batches.context, organizer.event_id, "demand")


def test_a_batch_is_due_after_the_events_own_hours(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """L2: by schedule, counted from the first document and then from the last batch."""
    batches.enrol(organizer)
    assert asked(batches, organizer) == []
    clock.move(timedelta(hours=24))
    assert asked(batches, organizer) == ["schedule"]
    offered(batches, organizer)
    clock.move(timedelta(hours=23))
    batches.enrol(organizer)
    assert asked(batches, organizer) == []
    clock.move(timedelta(hours=1))
    assert asked(batches, organizer) == ["schedule"]


def test_a_batch_is_due_at_a_size(batches: Batches) -> None:
    organizer = batches.organizer(batch_at_documents=2)
    batches.enrol(organizer)
    assert asked(batches, organizer) == []
    batches.enrol(organizer)
    assert asked(batches, organizer) == ["size"]


def test_a_batch_is_due_before_each_deadline(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """L2: 24 hours before registration closes, and before the last replacement."""
    offered_at = timedelta(days=4, minutes=5)
    clock.move(offered_at - timedelta(hours=1))
    batches.enrol(organizer)
    offered(batches, organizer)
    batches.enrol(organizer)
    assert asked(batches, organizer) == []
    clock.move(timedelta(hours=1))
    assert asked(batches, organizer) == ["deadline"]
    offered(batches, organizer)
    batches.enrol(organizer)
    assert asked(batches, organizer) == []


def test_what_lacks_consent_does_not_ask_again_and_again(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    batches.enrol(organizer, consenting=())
    clock.move(timedelta(hours=25))
    assert asked(batches, organizer) == ["schedule"]
    offered(batches, organizer)
    assert asked(batches, organizer) == []


def test_a_release_that_was_left_is_asked_for_again(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """C-76: even when its job is lost."""
    from uploads_worker.releases.claims import claim

    batches.enrol(organizer)
    with batches.context.sessions() as session:
        claim(session, batches.context.settings, organizer.event_id, "demand", None)
    assert asked(batches, organizer) == []
    clock.move(timedelta(minutes=11))
    assert asked(batches, organizer) == ["schedule"]


def test_a_refused_recipient_is_not_tried_every_minute(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """C-78: the alert stands; it does not flood the audit trail."""
    batches.enrol(organizer)
    batches.context.keyring.unpin(organizer.organization_id, organizer.recipient)
    clock.move(timedelta(hours=25))
    assert asked(batches, organizer) == ["schedule"]
    offered(batches, organizer)
    assert asked(batches, organizer) == []


def test_an_unconfirmed_batch_is_reminded_of_three_times_and_alarms_once(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """L2b: after 3, 7 and 14 days; staff are alerted after 7."""
    batches.enrol(organizer)
    offered(batches, organizer)
    [release] = batches.releases(organizer)

    def told() -> list[str]:
        rows = batches.rows(
            "SELECT params->>'days' FROM notices WHERE account_id = :a"
            " AND kind = 'release_unconfirmed' ORDER BY at",
            a=organizer.member_id,
        )
        return [days for (days,) in rows]

    for days, expected in (
        (2, []),
        (3, ["3"]),
        (6, ["3"]),
        (7, ["3", "7"]),
        (20, ["3", "7", "14"]),
    ):
        clock.reset()
        clock.move(timedelta(days=days, minutes=1))
        remind(batches.context)
        remind(batches.context)
        assert told() == expected
    alerts = batches.rows(
        "SELECT outcome FROM audit_entries WHERE action = 'releases.unconfirmed'"
        " AND subject_id = :r",
        r=str(release.id),
    )
    assert alerts[0] == ("alert",)


def test_a_batch_that_nobody_fetched_ends_and_its_documents_wait_again(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """Retention of bundles: 30 days; destroyed with proof, and nothing is lost by it."""
    person = batches.enrol(organizer)
    offered(batches, organizer)
    [release] = batches.releases(organizer)
    clock.move(timedelta(days=30, minutes=1))
    expire_releases(batches.context)
    [release] = batches.releases(organizer)
    assert (release.state, release.destroyed_at is None) == (ReleaseState.DESTROYED, False)
    assert release.object_key is not None
    with pytest.raises(ObjectMissing):
        batches.context.objects.release_bytes(release.object_key)
    assert batches.rows("SELECT 1 FROM tombstones WHERE subject_id = :r", r=str(release.id))
    assert batches.items(release) == {person.documents[0]: ("missing", "expired")}
    offered(batches, organizer)
    again = batches.releases(organizer)[1]
    assert batches.items(again) == {person.documents[0]: ("included", None)}
    assert batches.state(person.documents[0]) is DocumentState.RELEASED


def test_a_confirmed_batch_ends_a_week_later_and_stays_decidable(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """Retention of bundles: 7 days after the organizer confirmed."""
    person = batches.enrol(organizer)
    offered(batches, organizer)
    [release] = batches.releases(organizer)
    batches.change(
        "UPDATE releases SET state = 'acknowledged', acknowledged_at = offered_at WHERE id = :r",
        r=release.id,
    )
    clock.move(timedelta(days=7, minutes=1))
    expire_releases(batches.context)
    [release] = batches.releases(organizer)
    assert release.destroyed_at is not None
    assert batches.items(release) == {person.documents[0]: ("included", None)}


def test_a_new_key_gets_what_the_old_one_was_not_decided_on(
    batches: Batches, organizer: Organizer
) -> None:
    """L4: key lost: the old release is destroyed, its documents go out to the pinned key."""
    person = batches.enrol(organizer)
    offered(batches, organizer)
    batches.pin(organizer, pyrage.x25519.Identity.generate())
    assert asked(batches, organizer) == ["demand"]
    old = batches.releases(organizer)[0]
    assert old.state is ReleaseState.DESTROYED
    assert batches.items(old) == {person.documents[0]: ("missing", "recipient_changed")}
    offered(batches, organizer)
    new = batches.releases(organizer)[1]
    assert new.recipient == organizer.recipient
    assert set(batches.open(organizer, new).documents()) == {str(person.documents[0])}


def test_a_leaked_recovery_key_takes_back_what_it_can_open_once_it_is_unpinned(
    batches: Batches, organizer: Organizer
) -> None:
    """L4: every batch is sealed to both keys; after the unpinning it is made anew for the other."""
    recovery = pyrage.x25519.Identity.generate()
    batches.pin_recovery(organizer, recovery)
    person = batches.enrol(organizer)
    offered(batches, organizer)
    batches.change(
        "UPDATE recipients SET status = 'revoked', ended_reason = 'leaked', ended_at = now()"
        " WHERE recipient = :r",
        r=str(recovery.to_public()),
    )
    due_releases(batches.context)
    assert batches.releases(organizer)[0].state is ReleaseState.OFFERED
    batches.context.keyring.unpin(organizer.organization_id, str(recovery.to_public()))
    assert asked(batches, organizer) == ["demand"]
    old = batches.releases(organizer)[0]
    assert old.state is ReleaseState.DESTROYED
    offered(batches, organizer)
    new = batches.releases(organizer)[1]
    assert set(batches.open(organizer, new).documents()) == {str(person.documents[0])}
