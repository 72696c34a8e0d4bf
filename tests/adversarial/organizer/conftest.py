"""Organizers who try what is not theirs: the real server, batches from the real worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from heyan.access import Role
from heyan.settings import Settings
from tests.organizer import Member, member
from tests.releases import Organizer
from tests.releases_fixtures import batches, organizer

__all__ = ["batches", "organizer"]


@pytest.fixture
def enter(app: Flask, settings: Settings, db_session: Session) -> Callable[..., Member]:
    """Let a member of an organizer in."""

    def let_in(organizer: Organizer, role: Role = Role.ORGANIZER_OWNER, **how: bool) -> Member:
        return member(app, settings, db_session, organizer.organization_id, role, **how)

    return let_in
