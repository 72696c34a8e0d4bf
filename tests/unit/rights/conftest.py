"""Requests about one's own data over real engines, with the worker in this process."""

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
