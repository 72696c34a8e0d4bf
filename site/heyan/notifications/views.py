"""The page of notices."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, requires
from heyan.notifications import service, wording

public_pages = Blueprint("notifications", __name__)


@public_pages.get("/me/notices")
@requires(Permission.OWN_ENROLMENT)
def index() -> str:
    """Show the latest notices, the unread ones marked."""
    rows = [
        (notice, wording.sentence_of(notice), wording.link_of(notice))
        for notice in service.recent(web.session(), web.account_id())
    ]
    unread = any(notice.read_at is None for notice, _sentence, _link in rows)
    return render_template("notifications/index.html", rows=rows, unread=unread)


@public_pages.post("/me/notices/read")
@requires(Permission.OWN_ENROLMENT)
def read() -> Response:
    """Mark all notices as read."""
    service.mark_read(web.session(), web.account_id())
    return redirect(url_for("notifications.index"), 303)
