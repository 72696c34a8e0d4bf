"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("public", __name__)


@public_pages.get("/")
@public
def home() -> str:
    """Not here yet."""
    abort(404)


@public_pages.get("/privacy/custody")
@public
def custody() -> str:
    """Not here yet."""
    abort(404)


@public_pages.get("/contact")
@public
def contact() -> str:
    """Not here yet."""
    abort(404)

