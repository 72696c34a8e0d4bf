"""What tests of keeping share: holds in force, and the two people they take."""

from __future__ import annotations

import uuid
from datetime import timedelta

from heyan import clock
from heyan.access import Role
from heyan.retention import holds
from heyan.retention.models import HoldSubject
from tests.enrolment import World
from tests.staff import Colleague, colleague

ORDER = holds.Order(
    "北京市公安局海淀分局", "京公海调字〔2026〕1号", "刑事诉讼法第五十四条", "报名材料"
)


def pair(world: World) -> tuple[Colleague, Colleague]:
    """A privacy officer and an administrator."""
    return colleague(world, Role.PRIVACY_OFFICER), colleague(world, Role.ADMINISTRATOR)


def hold(
    world: World,
    kind: str,
    subject_id: uuid.UUID,
    *,
    people: tuple[Colleague, Colleague] | None = None,
    days: int = 90,
) -> uuid.UUID:
    """Bring a hold into force and return its id."""
    officer, administrator = people or pair(world)
    with world.session() as session:
        row = holds.ask(
            session,
            officer.actor,
            subject_kind=HoldSubject(kind),
            subject_id=subject_id,
            order=ORDER,
            ends_at=clock.now() + timedelta(days=days),
        )
        holds.approve(session, administrator.actor, row.id)
        return row.id


def release(world: World, hold_id: uuid.UUID, people: tuple[Colleague, Colleague]) -> None:
    """Release a hold, both agreeing."""
    officer, administrator = people
    with world.session() as session:
        holds.ask_release(session, administrator.actor, hold_id)
        holds.release(session, officer.actor, hold_id)
