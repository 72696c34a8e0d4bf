"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("registrations", __name__)


@public_pages.get("/registrations")
@public
def index() -> str:
    """Not here yet."""
    abort(404)

