"""Pages of this feature."""

from __future__ import annotations

from flask import Blueprint, abort

from heyan.access import public

public_pages = Blueprint("accounts_public", __name__)


@public_pages.get("/account/login")
@public
def login() -> str:
    """Not here yet."""
    abort(404)

common_pages = Blueprint("accounts", __name__)


@common_pages.get("/account/step-up")
@public
def step_up() -> str:
    """Not here yet."""
    abort(404)

