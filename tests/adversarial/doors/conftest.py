"""The doors over the real database, with hashes that cost little."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.settings import Settings
from tests.accounts import Browser, policy_in_force, quick


@pytest.fixture(scope="session")
def site(settings: Settings, web_engine: Engine) -> Flask:
    """The application."""
    from heyan import create_app

    with Session(web_engine) as session:
        policy_in_force(session)
    return create_app(quick(settings))


@pytest.fixture
def browser(site: Flask) -> Browser:
    """A visitor's browser."""
    return Browser(site)
