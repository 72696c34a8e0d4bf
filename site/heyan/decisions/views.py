"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

organizer_pages = Blueprint("decisions", __name__)


@organizer_pages.get("/organizer/results")
@public
def template() -> str:
    """Not here yet."""
    abort(404)

