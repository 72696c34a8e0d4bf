"""Assessments and records, over a small world."""

from __future__ import annotations

from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]
