"""Assistance over the real database."""

from __future__ import annotations

from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]
