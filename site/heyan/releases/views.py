"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

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

staff_pages = Blueprint("staff_recipients", __name__)


@staff_pages.get("/staff/recipients")
@public
def staff_index() -> str:
    """Not here yet."""
    abort(404)

