"""The worker with credentials of the object store that are wrong, or the web's."""

from __future__ import annotations

import dataclasses

import pytest

from deploy.local.machine import Machine
from heyan import db
from heyan.custody.objects import ObjectStore
from heyan.jobs import Job, defer
from tests.enrolment import World
from tests.worker import run_once, submit
from uploads_worker.context import Context


@pytest.mark.parametrize("what", ["wrong", "the web's"])
def test_a_worker_whose_credentials_are_refused_waits_with_everything(
    world: World, context: Context, stack: Machine, what: str
) -> None:
    """SECURITY 50, H2: nothing is called gone or destroyed, and no job is given up."""
    case = submit(world, context)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE documents SET destroy_due_at = now(), destroy_reason = 'withdrawn'"
            " WHERE id = %s",
            (case.document_id,),
        )
    with world.session() as session, db.transaction(session):
        defer(session, Job.DESTROY_DOCUMENT, lock="refused", document_id=case.document_id)
    real = context.objects
    access, secret = stack.objects.identity("worker" if what == "wrong" else "web")
    refused = ObjectStore(
        real.endpoint_url, real.region, access, "x" * 40 if what == "wrong" else secret,
        real.sealed_bucket, real.releases_bucket,
    )  # fmt: skip
    job = "SELECT status FROM procrastinate_jobs WHERE lock = 'refused'"
    state = "SELECT state, destroyed_at FROM documents WHERE id = :d"
    for _turn in range(2):
        run_once(dataclasses.replace(context, objects=refused))
        assert [row.status for row in world.rows(job)] == ["todo"]
        assert [tuple(row) for row in world.rows(state, d=case.document_id)] == [("sealed", None)]
        with world.owner.begin() as connection:
            # As if it had been tried far more often than a job that fails by itself.
            connection.exec_driver_sql(
                "UPDATE procrastinate_jobs SET scheduled_at = NULL, attempts = 20"
            )
    run_once(context)
    assert world.rows(job) == []
    [row] = world.rows(state, d=case.document_id)
    assert row.state == "destroyed"
