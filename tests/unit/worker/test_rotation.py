"""Rotation while people go on handing in."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from heyan.audit.service import OPERATOR
from heyan.documents.models import Document
from tests.enrolment import World
from tests.worker import opened, submit
from uploads_worker import rotation, vault
from uploads_worker.context import Context

PEOPLE = 6


def test_rotation_under_uploads_loses_nothing(world: World, context: Context) -> None:
    """C-20, SECURITY 17: sealed before, while and after: all opens, and all by the newest key."""
    case = submit(world, context)

    def hand_in(_number: int) -> uuid.UUID:
        return uuid.UUID(world.person().submitted(case.slug)[1])

    with ThreadPoolExecutor(3) as people:
        waiting = [people.submit(hand_in, number) for number in range(PEOPLE)]
        for _round in range(2):
            vault.rotate(context, case.event_id, actor=OPERATOR)
            assert rotation.reseal(context, case.event_id)["failed"] == 0
        sent = [one.result() for one in waiting]
    newest = vault.rotate(context, case.event_id, actor=OPERATOR)
    rotation.reseal(context, case.event_id)
    with context.sessions() as session:
        for document_id in (case.document_id, *sent):
            row = session.get_one(Document, document_id)
            assert row.vault_key_id == newest
            assert opened(context, row.id)
