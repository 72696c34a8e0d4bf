"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("events", __name__)


@public_pages.get("/events")
@public
def index() -> str:
    """Not here yet."""
    abort(404)

staff_pages = Blueprint("staff_events", __name__)


@staff_pages.get("/staff/events")
@public
def staff_index() -> str:
    """Not here yet."""
    abort(404)

