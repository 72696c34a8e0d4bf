"""Life cycles of a person's key and of a viewing: every transition there is."""

from __future__ import annotations

from heyan.viewings.models import StaffKeyStatus, ViewingState

K = StaffKeyStatus
V = ViewingState

KEY: dict[StaffKeyStatus, frozenset[StaffKeyStatus]] = {
    K.PROPOSED: frozenset({K.PROVEN, K.REJECTED}),
    K.PROVEN: frozenset({K.CONFIRMED, K.REJECTED}),
    K.CONFIRMED: frozenset({K.PINNED, K.REJECTED}),
    K.PINNED: frozenset({K.REVOKED}),
    K.REJECTED: frozenset(),
    K.REVOKED: frozenset(),
}

VIEWING: dict[ViewingState, frozenset[ViewingState]] = {
    V.ORDERED: frozenset({V.OFFERED, V.FAILED, V.DESTROYED}),
    V.OFFERED: frozenset({V.DESTROYED}),
    V.FAILED: frozenset({V.DESTROYED}),
    V.DESTROYED: frozenset(),
}


class ForbiddenTransition(Exception):
    """Someone asked for a step that this state does not allow."""


def move_key(current: StaffKeyStatus, to: StaffKeyStatus) -> StaffKeyStatus:
    """Return *to* when a key may go there, else raise `ForbiddenTransition`."""
    if to not in KEY[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to


def move_viewing(current: ViewingState, to: ViewingState) -> ViewingState:
    """Return *to* when a viewing may go there, else raise `ForbiddenTransition`."""
    if to not in VIEWING[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to
