"""A request holds one connection of the pool at a time: two, and many requests wait for ever."""

from __future__ import annotations

from sqlalchemy import event

from heyan import web
from tests.enrolment import Person, World
from tests.worker import context, person, world

__all__ = ["context", "person", "world"]


def test_no_request_holds_two_connections(world: World, person: Person) -> None:
    """C-63, SECURITY 44: whoever reads, sends a form or a picture holds one, however many come."""
    there = world.event()
    with world.app.app_context():
        engine = web.heyan().sessions.kw["bind"]
    held: set[int] = set()
    most: list[int] = [0]

    def out(_connection: object, record: object, _proxy: object) -> None:
        held.add(id(record))
        most.append(len(held))

    def back(_connection: object, record: object) -> None:
        held.discard(id(record))

    event.listen(engine, "checkout", out)
    event.listen(engine, "checkin", back)
    try:
        person.submitted(there.slug)
    finally:
        event.remove(engine, "checkout", out)
        event.remove(engine, "checkin", back)
    assert len(most) > 20, "nothing was counted"
    assert max(most) == 1
