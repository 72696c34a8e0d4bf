"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public
from heyan.releases.staff_views import staff_pages

__all__ = ["organizer_pages", "staff_pages"]

organizer_pages = Blueprint("releases", __name__)


@organizer_pages.get("/organizer/releases")
@public
def index() -> str:
    """Not here yet."""
    abort(404)


@organizer_pages.get("/organizer/keys")
@public
def keys() -> str:
    """Not here yet."""
    abort(404)
