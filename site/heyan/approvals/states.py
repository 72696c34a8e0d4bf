"""The states of grants and requests: every transition that there is stands here (SECURITY 31)."""

from __future__ import annotations

from heyan.approvals.models import GrantStatus, RequestStatus

G, R = GrantStatus, RequestStatus

GRANT_MOVES: dict[GrantStatus, frozenset[GrantStatus]] = {
    G.PROPOSED: frozenset({G.APPROVED, G.REFUSED, G.REVOKED}),
    G.APPROVED: frozenset({G.REVOKED}),
    G.REFUSED: frozenset(),
    G.REVOKED: frozenset(),
}
REQUEST_MOVES: dict[RequestStatus, frozenset[RequestStatus]] = {
    R.WAITING: frozenset({R.APPROVED, R.REFUSED, R.ENDED}),
    R.APPROVED: frozenset({R.ENDED}),
    R.REFUSED: frozenset(),
    R.ENDED: frozenset(),
}


class NotNow(Exception):
    """What was asked cannot be done in the present state."""


def move_grant(here: GrantStatus, to: GrantStatus) -> GrantStatus:
    """Return *to*; raises `NotNow` for a transition that there is not."""
    if to not in GRANT_MOVES[here]:
        raise NotNow
    return to


def move_request(here: RequestStatus, to: RequestStatus) -> RequestStatus:
    """Return *to*; raises `NotNow` for a transition that there is not."""
    if to not in REQUEST_MOVES[here]:
        raise NotNow
    return to
