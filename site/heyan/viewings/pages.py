"""What the pages of viewings share: the blueprint, who is here, and the policy of what opens."""

from __future__ import annotations

import uuid

from flask import Blueprint

from heyan import web
from heyan.releases.pages import DESK_CSP

staff_pages = Blueprint("viewings", __name__, url_prefix="/staff/viewings")

# Where a viewing is opened, sound may come from this page's own memory as well.
VIEWING_CSP = DESK_CSP.replace("font-src", "media-src blob:; font-src")


def own_id() -> uuid.UUID:
    """Return the account of who is here: all that these pages show is this person's own."""
    return web.account_id()
