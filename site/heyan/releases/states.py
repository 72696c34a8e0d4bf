"""Life cycles of recipients and releases: every transition there is, in one table each."""

from __future__ import annotations

from heyan.releases.models import RecipientStatus, ReleaseState

R = RecipientStatus
S = ReleaseState

RECIPIENT: dict[RecipientStatus, frozenset[RecipientStatus]] = {
    R.PROPOSED: frozenset({R.PROVEN, R.REJECTED}),
    R.PROVEN: frozenset({R.CONFIRMED, R.REJECTED}),
    R.CONFIRMED: frozenset({R.APPROVED, R.REJECTED}),
    R.APPROVED: frozenset({R.PINNED, R.REJECTED}),
    R.PINNED: frozenset({R.REVOKED}),
    R.REJECTED: frozenset(),
    R.REVOKED: frozenset(),
}

RELEASE: dict[ReleaseState, frozenset[ReleaseState]] = {
    S.CLAIMED: frozenset({S.OFFERED, S.FAILED}),
    S.OFFERED: frozenset({S.FETCHED, S.ACKNOWLEDGED, S.DESTROYED}),
    S.FETCHED: frozenset({S.ACKNOWLEDGED, S.DESTROYED}),
    S.ACKNOWLEDGED: frozenset({S.DECIDED, S.DESTROYED}),
    S.DECIDED: frozenset({S.DESTROYED}),
    S.DESTROYED: frozenset(),
    S.FAILED: frozenset(),
}


class ForbiddenTransition(Exception):
    """Someone asked for a step that this state does not allow."""


def move_recipient(current: RecipientStatus, to: RecipientStatus) -> RecipientStatus:
    """Return *to* when a recipient may go there, else raise `ForbiddenTransition`."""
    if to not in RECIPIENT[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to


def move_release(current: ReleaseState, to: ReleaseState) -> ReleaseState:
    """Return *to* when a release may go there, else raise `ForbiddenTransition`."""
    if to not in RELEASE[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to
