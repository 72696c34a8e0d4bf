"""Builders of what people are to look at."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.enrolment import BORN, Person, World, id_number, picture, words_of
from uploads_worker import vault
from uploads_worker.context import Context


@dataclass
class Entrant:
    """Somebody who handed a registration in."""

    person: Person
    registration: uuid.UUID
    document: uuid.UUID


def sealed_event(world: World, context: Context, **changes: Any) -> Any:
    """Make an event with the worker's own vault key."""
    event = world.event(with_key=False, **changes)
    vault.provision(context, event.id)
    return event


def enter(
    world: World,
    event: Any,
    *,
    number: str | None = None,
    file: bytes | None = None,
    person: Person | None = None,
    name: str = "王小满",
) -> Entrant:
    """Hand a registration in; number and file are unlike everybody else's unless given."""
    person = person or world.person()
    registration = person.start(event.slug, person.student(name))
    person.answer(registration)
    person.agree(registration)
    order = f"{uuid.uuid4().int % 1000:03d}"
    assert person.number(registration, number or id_number(BORN, order)).status_code == 303
    sent = person.upload(registration, file or own_file())
    assert sent.status_code == 303, words_of(sent)
    document = sent.headers["Location"].rsplit("/", 1)[1]
    assert person.post(f"/registrations/{registration}/check").status_code == 303
    return Entrant(person, uuid.UUID(registration), uuid.UUID(document))


def own_file() -> bytes:
    """Return a picture that nobody else hands in."""
    # What follows a JPEG's end changes the file, not the picture.
    return picture() + uuid.uuid4().bytes


def flags(world: World, event_id: uuid.UUID) -> list[tuple[str, str, set[uuid.UUID]]]:
    """Return an event's flags: kind, state, and the registrations they are about."""
    rows = world.rows(
        "SELECT f.id, f.kind, f.state, s.registration_id FROM safety_flags f"
        " JOIN safety_subjects s ON s.flag_id = f.id WHERE f.event_id = :e ORDER BY f.id",
        e=event_id,
    )
    found: dict[uuid.UUID, tuple[str, str, set[uuid.UUID]]] = {}
    for flag_id, kind, state, registration in rows:
        found.setdefault(flag_id, (str(kind), str(state), set()))[2].add(registration)
    return list(found.values())


def flag_id(world: World, event_id: uuid.UUID) -> uuid.UUID:
    """Return an event's only flag."""
    (row,) = world.rows("SELECT id FROM safety_flags WHERE event_id = :e", e=event_id)
    return uuid.UUID(str(row.id))
