"""The page of notices."""

from __future__ import annotations

from flask import Blueprint, render_template

from heyan import web
from heyan.access import Permission, requires
from heyan.notifications import service

public_pages = Blueprint("notifications", __name__)


@public_pages.get("/me/notices")
@requires(Permission.OWN_ENROLMENT)
def index() -> str:
    """Show the latest notices; they count as seen when the page that lists them is left."""
    notices = service.recent(web.session(), web.account_id())
    return render_template("notifications/index.html", notices=notices)
