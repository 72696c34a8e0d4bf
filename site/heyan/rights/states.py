"""Which state follows which."""

from __future__ import annotations

from heyan.rights.models import RightsState

S = RightsState

REQUEST: dict[RightsState, frozenset[RightsState]] = {
    S.OPEN: frozenset({S.REFUSING, S.DONE}),
    S.REFUSING: frozenset({S.OPEN, S.REFUSED}),
    S.DONE: frozenset(),
    S.REFUSED: frozenset(),
}


class WrongState(Exception):
    """The request is not in a state that allows this."""


def move(now: RightsState, to: RightsState) -> RightsState:
    """Return *to*, or raise `WrongState`."""
    if to not in REQUEST[now]:
        raise WrongState(f"{now.value} -> {to.value}")
    return to
