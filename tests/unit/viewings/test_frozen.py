"""An account in strange hands holds back a viewing that was approved before (S-102)."""

from __future__ import annotations

import uuid

from heyan.assistance import recovery
from heyan.audit.service import OPERATOR
from tests.enrolment import World
from tests.viewings import approve, ask, reader, viewing_of
from tests.worker import submit
from uploads_worker import viewings
from uploads_worker.context import Context


def freeze(world: World, document_id: uuid.UUID) -> None:
    """Report the account of a document's owner."""
    (row,) = world.rows(
        "SELECT r.account_id FROM registrations r JOIN documents d ON d.registration_id = r.id"
        " WHERE d.id = :d",
        d=document_id,
    )
    with world.session() as session:
        recovery.freeze(session, OPERATOR, row.account_id, reported_by="staff")


def test_nothing_of_a_frozen_account_is_opened_or_shown(world: World, context: Context) -> None:
    """S-102: what is ordered waits, what is offered is not fetched any more and goes."""
    clerk = reader(world, context)
    ordered, offered = submit(world, context), submit(world, context)
    made = []
    for case in (ordered, offered):
        request = ask(world, clerk, case.document_id)
        approve(world, request)
        made.append(viewing_of(world, clerk, request).id)
    freeze(world, ordered.document_id)
    for viewing_id in made:
        viewings.build_viewing(context, viewing_id)
    states = "SELECT state FROM viewings WHERE id = :v"
    assert [world.rows(states, v=one)[0].state for one in made] == ["ordered", "offered"]
    path = f"/staff/viewings/{made[1]}/file"
    assert clerk.colleague.get(path).status_code == 200
    freeze(world, offered.document_id)
    assert clerk.colleague.get(path).status_code != 200
    viewings.tend(context)
    assert [world.rows(states, v=one)[0].state for one in made] == ["ordered", "destroyed"]
