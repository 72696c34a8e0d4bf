"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

staff_pages = Blueprint("audit", __name__)


@staff_pages.get("/staff/audit")
@public
def index() -> str:
    """Not here yet."""
    abort(404)

