"""The life of an entry of the contact log: which state may follow which."""

from __future__ import annotations

from heyan.contacts.models import ContactState

CONTACT: dict[ContactState, frozenset[ContactState]] = {
    ContactState.OPEN: frozenset({ContactState.WAITING, ContactState.CLOSED}),
    ContactState.WAITING: frozenset({ContactState.OPEN, ContactState.CLOSED}),
    # What was settled is not opened again: who comes back makes a new entry of the same person.
    ContactState.CLOSED: frozenset(),
}


class WrongTurn(Exception):
    """The entry is in a state from which this does not follow."""


def move(now: ContactState, then: ContactState) -> ContactState:
    """Return *then* when it may follow *now*; raises `WrongTurn`."""
    if then is not now and then not in CONTACT[now]:
        raise WrongTurn(f"{now.value} to {then.value}")
    return then
