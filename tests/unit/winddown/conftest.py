"""The end of the service, over real engines."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
