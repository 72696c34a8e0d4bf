"""Many at once over real engines, with the worker's own keys."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
