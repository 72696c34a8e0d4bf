"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("documents", __name__)


@public_pages.get("/documents")
@public
def show() -> str:
    """Not here yet."""
    abort(404)

