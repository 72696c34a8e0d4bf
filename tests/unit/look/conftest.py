"""The student's way over real engines."""

from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]
