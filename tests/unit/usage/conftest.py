"""The worker over real engines, and the pages in front of it."""

from tests.worker import context, world

__all__ = ["context", "world"]
