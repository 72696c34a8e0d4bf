"""The page of notices, on each surface."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, Realm, requires
from heyan.notifications import channel_views, service, staff_views, wording

public_pages = Blueprint("notifications", __name__, url_prefix="/me/notices")
organizer_pages = Blueprint("organizer_notices", __name__, url_prefix="/organizer/notices")
staff_pages = Blueprint("staff_notices", __name__, url_prefix="/staff/notices")
# Served on every surface; the pages of a forgotten password on the public one, of deliveries on
# the staff's.
common_pages = channel_views.pages
more_pages = {"public": channel_views.reset_pages, "staff": staff_views.pages}


def _page(realm: Realm, endpoint: str) -> str:
    rows = [
        (notice, wording.sentence_of(notice, realm), wording.link_of(notice, realm))
        for notice in service.recent(web.session(), web.account_id())
    ]
    unread = any(notice.read_at is None for notice, _sentence, _link in rows)
    return render_template(
        "notifications/index.html", rows=rows, unread=unread, read_url=url_for(f"{endpoint}.read")
    )


def _read(endpoint: str) -> Response:
    service.mark_read(web.session(), web.account_id())
    return redirect(url_for(f"{endpoint}.index"), 303)


@public_pages.get("")
@requires(Permission.OWN_ENROLMENT)
def index() -> str:
    """Show the latest notices, the unread ones marked."""
    return _page(Realm.PUBLIC, "notifications")


@public_pages.post("/read")
@requires(Permission.OWN_ENROLMENT)
def read() -> Response:
    """Mark all notices as read."""
    return _read("notifications")


@organizer_pages.get("", endpoint="index")
@requires(Permission.ORGANIZER_HOME)
def organizer_index() -> str:
    """Show an organizer's member what batches, withdrawals and the account have to say."""
    return _page(Realm.ORGANIZER, "organizer_notices")


@organizer_pages.post("/read", endpoint="read")
@requires(Permission.ORGANIZER_HOME)
def organizer_read() -> Response:
    """Mark all of the member's notices as read."""
    return _read("organizer_notices")


@staff_pages.get("", endpoint="index")
@requires(Permission.STAFF_HOME)
def staff_index() -> str:
    """Show staff what happened to their own account."""
    return _page(Realm.STAFF, "staff_notices")


@staff_pages.post("/read", endpoint="read")
@requires(Permission.STAFF_HOME)
def staff_read() -> Response:
    """Mark all of one's notices as read."""
    return _read("staff_notices")
