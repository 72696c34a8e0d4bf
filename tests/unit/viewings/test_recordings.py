"""A recording is played to one person of the staff after the privacy officer's word."""

from __future__ import annotations

import uuid

from heyan.access import Role
from tests.contacts import attach, entry, sound
from tests.enrolment import World
from tests.viewings import approve, ask, opened, reader, viewing_of
from uploads_worker import recordings, viewings
from uploads_worker.context import Context
from uploads_worker.viewing_file import PART_BYTES


def test_a_recording_is_opened_in_parts_for_the_one_who_asked_and_ends_with_itself(
    world: World, context: Context
) -> None:
    """S-022, S-093, C-51: whole, of the kind it is, in parts of bounded size."""
    recordings.provision(context)
    who = reader(world, context)
    data = sound("mp3", PART_BYTES + 1000)
    contact = entry(who.colleague, consent="given")
    assert attach(who.colleague, contact, data, name="call.mp3").status_code == 303
    (row,) = world.rows("SELECT id FROM recordings WHERE contact_id = :c", c=contact)
    request = ask(world, who, row.id, kind="recording")
    approve(world, request, Role.PRIVACY_OFFICER)
    found = viewing_of(world, who, request)
    viewings.build_viewing(context, found.id)
    path = f"/staff/viewings/{found.id}"
    index, entries = opened(who.colleague.get(f"{path}/file").data, who.identity)
    (item,) = index["items"]
    assert item["media_type"] == "audio/mpeg"
    parts = [entries[part["path"]] for part in item["parts"]]
    assert max(map(len, parts)) <= PART_BYTES
    assert b"".join(parts) == data
    recordings.destroy_recording(context, uuid.UUID(str(row.id)), because="withdrawn")
    assert who.colleague.get(f"{path}/file").status_code == 403
    viewings.tend(context)
    assert viewing_of(world, who, request).destroyed_at is not None
