"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

organizer_pages = Blueprint("organizations", __name__)


@organizer_pages.get("/organizer/members")
@public
def members() -> str:
    """Not here yet."""
    abort(404)


staff_pages = Blueprint("staff_organizations", __name__)


@staff_pages.get("/staff/organizations")
@public
def staff_index() -> str:
    """Not here yet."""
    abort(404)
