"""The life of registrations and documents: only what the tables allow happens."""

from __future__ import annotations

import pytest

from heyan.documents import states as document_states
from heyan.documents.models import DocumentState
from heyan.registrations import states
from heyan.registrations.models import RegistrationStatus


def test_each_state_has_a_row_and_no_state_leads_to_itself() -> None:
    assert states.TRANSITIONS.keys() == set(RegistrationStatus)
    assert document_states.TRANSITIONS.keys() == set(DocumentState)
    assert all(state not in to for state, to in states.TRANSITIONS.items())
    assert all(state not in to for state, to in document_states.TRANSITIONS.items())


@pytest.mark.parametrize("current", RegistrationStatus)
@pytest.mark.parametrize("to", RegistrationStatus)
def test_a_registration_goes_only_where_the_table_says(
    current: RegistrationStatus, to: RegistrationStatus
) -> None:
    if to in states.TRANSITIONS[current]:
        assert states.move(current, to) is to
    else:
        with pytest.raises(states.ForbiddenTransition):
            states.move(current, to)


@pytest.mark.parametrize("current", DocumentState)
@pytest.mark.parametrize("to", DocumentState)
def test_a_document_goes_only_where_the_table_says(
    current: DocumentState, to: DocumentState
) -> None:
    if to in document_states.TRANSITIONS[current]:
        assert document_states.move(current, to) is to
    else:
        with pytest.raises(document_states.ForbiddenTransition):
            document_states.move(current, to)


def test_a_withdrawn_registration_stays_withdrawn() -> None:
    assert not states.TRANSITIONS[RegistrationStatus.WITHDRAWN]


def test_every_current_state_of_a_document_can_end_in_destruction() -> None:
    for state in DocumentState:
        if state is not DocumentState.DESTROYED:
            assert DocumentState.DESTROYED in document_states.TRANSITIONS[state]
