"""What an organizer was told of people's data, and where it says that it acted."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.rights import parties, wording

organizer_pages = Blueprint("organizer_rights", __name__)
SIZE = 50


def _organization_id() -> uuid.UUID:
    person = web.login_session()
    if person is None or person.organization_id is None:
        abort(404)
    return person.organization_id


@organizer_pages.get("/organizer/people")
@requires(Permission.ORGANIZER_RELEASES)
def index() -> str:
    """List who withdrew, was deleted or corrected, the newest first."""
    rows = parties.news_of(
        web.session(), _organization_id(), after=paging.after_id(), limit=SIZE + 1
    )
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row[0].id)
    ids = [row.registration_id for row, _number in shown]
    web.shows("rights.listed", "registration", ids=ids)
    return render_template(
        "rights/organizer.html", rows=shown, next_url=next_url, words=wording.NEWS
    )


@organizer_pages.post("/organizer/people/<uuid:party_id>/confirm")
@requires(Permission.ORGANIZER_RELEASES)
def confirm(party_id: uuid.UUID) -> Response:
    """Say that what was asked has been done."""
    try:
        parties.confirm(web.session(), web.actor(), _organization_id(), party_id)
    except parties.NewsUnknown:
        abort(404)
    web.flash("success", _("已确认。"))
    return redirect(url_for("organizer_rights.index"), 303)
