"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("students", __name__)


@public_pages.get("/students")
@public
def index() -> str:
    """Not here yet."""
    abort(404)

