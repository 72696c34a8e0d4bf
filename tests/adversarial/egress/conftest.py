"""Everyone and the worker over real engines: to see whom the site talks to."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
