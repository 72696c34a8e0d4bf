"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("policies", __name__)


@public_pages.get("/privacy")
@public
def privacy() -> str:
    """Not here yet."""
    abort(404)


@public_pages.get("/privacy/cookies")
@public
def cookies() -> str:
    """Not here yet."""
    abort(404)

