"""Builders of impact assessments, written by one person and confirmed by another."""

from __future__ import annotations

import uuid
from typing import Any

from flask_babel import force_locale
from sqlalchemy import text

from heyan.access import Role
from heyan.assessments import drafting, service
from heyan.events import editing
from tests.enrolment import World
from tests.staff import colleague


def assessed(world: World, event_id: uuid.UUID) -> uuid.UUID:
    """Give an event a confirmed assessment of what it asks for, and return its id."""
    author = colleague(world, Role.OPERATIONS)
    officer = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session, world.app.test_request_context(), force_locale("zh_CN"):
        row = service.write(
            session, author.actor, drafting.drafted(editing.load(session, event_id))
        )
        service.confirm(session, officer.actor, row.id)
        return row.id


def write(world: World, statement: str, **values: Any) -> None:
    """Change rows past the site's roles."""
    with world.owner.begin() as connection:
        connection.execute(text(statement), values)
