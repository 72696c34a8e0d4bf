"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

staff_pages = Blueprint("staff", __name__)


@staff_pages.get("/staff")
@public
def home() -> str:
    """Not here yet."""
    abort(404)


@staff_pages.get("/staff/people")
@public
def people() -> str:
    """Not here yet."""
    abort(404)

