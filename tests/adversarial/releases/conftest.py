"""Takes in the fixtures of batches."""

from tests.releases_fixtures import batches, organizer

__all__ = ["batches", "organizer"]
