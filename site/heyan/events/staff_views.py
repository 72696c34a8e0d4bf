"""Staff pages of events."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import Permission, requires

staff_pages = Blueprint("staff_events", __name__)


@staff_pages.get("/staff/events")
@requires(Permission.EVENTS_MANAGE)
def index() -> str:
    """Not here yet."""
    abort(404)
