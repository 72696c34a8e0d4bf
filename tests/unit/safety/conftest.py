"""Flags over real engines, with the worker in this process."""

from __future__ import annotations

from tests.worker import context, person, world

__all__ = ["context", "person", "world"]
