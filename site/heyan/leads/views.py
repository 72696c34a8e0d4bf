"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("leads", __name__)


@public_pages.get("/leads/new")
@public
def new() -> str:
    """Not here yet."""
    abort(404)

staff_pages = Blueprint("staff_leads", __name__)


@staff_pages.get("/staff/leads")
@public
def staff_index() -> str:
    """Not here yet."""
    abort(404)

