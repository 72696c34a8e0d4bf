"""The life of a registration: every transition there is, in one table."""

from __future__ import annotations

from heyan.registrations.models import RegistrationStatus

S = RegistrationStatus

TRANSITIONS: dict[RegistrationStatus, frozenset[RegistrationStatus]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WAITLISTED, S.WITHDRAWN}),
    S.WAITLISTED: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.VERIFIED, S.RETURNED, S.WITHDRAWN}),
    S.RETURNED: frozenset({S.SUBMITTED, S.VERIFIED, S.WITHDRAWN}),
    S.VERIFIED: frozenset({S.WITHDRAWN}),
    S.WITHDRAWN: frozenset(),
}

# A registration in one of these holds a seat.
SEATED = frozenset({S.SUBMITTED, S.RETURNED, S.VERIFIED})


class ForbiddenTransition(Exception):
    """Someone asked for a step that this state does not allow."""


def move(current: RegistrationStatus, to: RegistrationStatus) -> RegistrationStatus:
    """Return *to* when a registration may go there, else raise `ForbiddenTransition`."""
    if to not in TRANSITIONS[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to
