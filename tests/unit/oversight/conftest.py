"""The worker and the site over real engines."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
