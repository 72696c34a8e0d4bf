"""Heyan: enrolment that people can trust with a photograph of their identity card.

Importing this package imports no Flask: the decoder's children and the worker use its rooms too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from heyan.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Return the Flask application for the surfaces that *settings* names (`heyan.app`)."""
    from heyan.app import build

    return build(settings)
