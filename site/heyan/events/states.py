"""An event's life: every transition there is. ENDED is the worker's, when the key is destroyed."""

from __future__ import annotations

from heyan.events.models import EventStatus

S = EventStatus

EVENT: dict[EventStatus, frozenset[EventStatus]] = {
    S.DRAFT: frozenset({S.PUBLISHED}),
    S.PUBLISHED: frozenset({S.CLOSED, S.ENDED}),
    S.CLOSED: frozenset({S.ENDED}),
    S.ENDED: frozenset(),
}


class ForbiddenTransition(Exception):
    """Someone asked for a step that this state does not allow."""


def move_event(current: EventStatus, to: EventStatus) -> EventStatus:
    """Return *to* when an event may go there, else raise `ForbiddenTransition`."""
    if to not in EVENT[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to
