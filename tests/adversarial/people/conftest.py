"""Two people where two are meant: over real engines, with the worker in this process."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
