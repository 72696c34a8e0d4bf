"""The site under its real server, with the real worker's context."""

from tests.worker import context, world

__all__ = ["context", "world"]
