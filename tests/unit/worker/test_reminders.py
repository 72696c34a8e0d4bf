"""People are reminded before it is too late, once for each thing (REQUIREMENTS C5, S-006)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conftest import Clock
from tests.releases import Batches, Enrolled, Organizer
from tests.releases_fixtures import batches, organizer
from uploads_worker.releases import build_release
from uploads_worker.reminders import remind_people

__all__ = ["batches", "organizer"]


def told(batches: Batches, person: Enrolled) -> list[tuple[str, str]]:
    """Return the reminders that a person got, in order."""
    rows = batches.rows(
        "SELECT kind, params->>'mark' FROM notices WHERE account_id = :a"
        " AND kind IN ('documents_due', 'draft_due', 'consent_due') ORDER BY at, id",
        a=person.account_id,
    )
    return [(kind, mark) for kind, mark in rows]


def test_a_returned_document_is_reminded_of_three_days_and_one_day_before(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """C5: the last moment is the event's documents_until, ten days from now."""
    person, accepted = batches.enrol(organizer), batches.enrol(organizer)
    batches.change(
        "UPDATE registrations SET status = 'returned' WHERE id = :r", r=person.registration_id
    )
    batches.change(
        "UPDATE documents SET state = 'returned' WHERE registration_id = :r",
        r=person.registration_id,
    )
    expected: list[tuple[str, str]] = []
    for days, mark in ((6, ""), (7, "3"), (8, ""), (9, "1"), (9.9, ""), (10, "")):
        clock.reset()
        clock.move(timedelta(days=days, minutes=1))
        remind_people(batches.context)
        remind_people(batches.context)
        expected += [("documents_due", mark)] if mark else []
        assert told(batches, person) == expected
    assert told(batches, accepted) == []


def test_a_draft_is_reminded_of_on_the_last_day(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """C1: registration closes in five days."""
    person = batches.enrol(organizer)
    batches.change(
        "UPDATE registrations SET status = 'draft', submitted_at = NULL WHERE id = :r",
        r=person.registration_id,
    )
    for days, expected in ((3, []), (4, [("draft_due", "1")]), (6, [("draft_due", "1")])):
        clock.reset()
        clock.move(timedelta(days=days, minutes=1))
        remind_people(batches.context)
        assert told(batches, person) == expected


def test_who_must_agree_again_is_asked_once_for_each_change_of_the_organizer(
    batches: Batches, organizer: Organizer
) -> None:
    """S-006: what waits for a batch is not handed over under an old name, and its owner hears."""
    person = batches.enrol(organizer)
    remind_people(batches.context)
    assert told(batches, person) == []
    for version in (2, 3):
        batches.change(
            "UPDATE organizations SET version = :v WHERE id = :o",
            v=version,
            o=organizer.organization_id,
        )
        remind_people(batches.context)
        remind_people(batches.context)
    assert told(batches, person) == [("consent_due", "2"), ("consent_due", "3")]


@pytest.mark.parametrize("status", ["submitted", "withdrawn"])
def test_nobody_is_reminded_of_what_is_done(
    batches: Batches, organizer: Organizer, clock: Clock, status: str
) -> None:
    person = batches.enrol(organizer)
    batches.change(
        "UPDATE registrations SET status = :s WHERE id = :r",
        s=status,
        r=person.registration_id,
    )
    clock.move(timedelta(days=4, hours=1))
    remind_people(batches.context)
    assert told(batches, person) == []


def test_an_organizer_is_asked_to_destroy_what_it_holds_until_it_says_so(
    batches: Batches, organizer: Organizer, clock: Clock
) -> None:
    """L5: 30 and 60 days after the results."""
    batches.enrol(organizer)
    build_release(batches.context, organizer.event_id, "demand")
    [release] = batches.releases(organizer)
    batches.change("UPDATE releases SET decided_at = now() WHERE id = :r", r=release.id)

    def asked() -> list[str]:
        rows = batches.rows(
            "SELECT params->>'days' FROM notices WHERE account_id = :a"
            " AND kind = 'release_held' ORDER BY at",
            a=organizer.member_id,
        )
        return [days for (days,) in rows]

    for days, expected in ((29, []), (30, ["30"]), (59, ["30"])):
        clock.reset()
        clock.move(timedelta(days=days, minutes=1))
        remind_people(batches.context)
        remind_people(batches.context)
        assert asked() == expected
    batches.change("UPDATE releases SET holder_destroyed_at = now() WHERE id = :r", r=release.id)
    clock.move(timedelta(days=2))
    remind_people(batches.context)
    assert asked() == ["30"]
