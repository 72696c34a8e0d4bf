"""The life of a document: every transition there is, in one table."""

from __future__ import annotations

from heyan.documents.models import DocumentState

S = DocumentState

TRANSITIONS: dict[DocumentState, frozenset[DocumentState]] = {
    S.SEALED: frozenset({S.RELEASED, S.SUPERSEDED, S.DESTROYED}),
    S.RELEASED: frozenset({S.ACCEPTED, S.RETURNED, S.DESTROYED}),
    S.RETURNED: frozenset({S.SUPERSEDED, S.DESTROYED}),
    S.ACCEPTED: frozenset({S.DESTROYED}),
    S.SUPERSEDED: frozenset({S.DESTROYED}),
    S.DESTROYED: frozenset(),
}

# The one document of its kind that counts (the unique index of the table says the same).
CURRENT = (S.SEALED, S.RELEASED, S.ACCEPTED, S.RETURNED)


class ForbiddenTransition(Exception):
    """Someone asked for a step that this state does not allow."""


def move(current: DocumentState, to: DocumentState) -> DocumentState:
    """Return *to* when a document may go there, else raise `ForbiddenTransition`.

    The caller holds the row's lock (``FOR UPDATE``), so that two cannot move it at once.
    """
    if to not in TRANSITIONS[current]:
        raise ForbiddenTransition(f"{current.value} -> {to.value}")
    return to
