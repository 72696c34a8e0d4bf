"""Builders for tests of what anyone may read and leave: the real policy, callers, the queue."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from heyan import clock
from heyan.policies import texts
from heyan.policies.models import PolicyKind, PolicyVersion
from heyan.policies.service import publish
from heyan.settings import Settings
from tests.accounts import Browser, some_phone


def real_policy(
    app: Flask, session: Session, settings: Settings, **facts: Any
) -> dict[PolicyKind, PolicyVersion]:
    """Publish the present texts under a new name, in force from now."""
    version = f"t{uuid.uuid4().hex[:10]}"
    present = dataclasses.replace(settings, policy_version=version, **facts)
    with app.app_context():
        return {
            kind: publish(session, kind, version, clock.now(), texts.content(present, kind))
            for kind in PolicyKind
        }


def leave(browser: Browser, phone: str | None = None, **fields: str) -> TestResponse:
    """Leave a callback as a visitor does; a field given as "" is sent empty."""
    data = {"name": "王女士", "phone": phone or some_phone(), "consent": "y", **fields}
    sent: TestResponse = browser.post("/leads/new", **data)
    return sent
