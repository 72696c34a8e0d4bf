"""What the pages of viewings share: the blueprint, who is here, and the policy of what opens."""

from __future__ import annotations

import uuid

from flask import Blueprint, make_response
from werkzeug.wrappers import Response

from heyan import web
from heyan.releases.pages import DESK_CSP

staff_pages = Blueprint("viewings", __name__, url_prefix="/staff/viewings")

# Where a viewing is opened, sound may come from this page's own memory as well.
VIEWING_CSP = DESK_CSP.replace("font-src", "media-src blob:; font-src")


def own_id() -> uuid.UUID:
    """Return the account of who is here: all that these pages show is this person's own."""
    return web.account_id()


def desk_page(page: str, status: int = 200, *, policy: str = DESK_CSP) -> Response:
    """Return a page on which a key is made or used."""
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = policy
    return response
