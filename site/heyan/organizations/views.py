"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public
from heyan.organizations.staff_views import staff_pages

__all__ = ["organizer_pages", "staff_pages"]

organizer_pages = Blueprint("organizations", __name__)


@organizer_pages.get("/organizer/members")
@public
def members() -> str:
    """Not here yet."""
    abort(404)
