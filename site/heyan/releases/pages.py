"""What the organizer's pages of releases and keys share: the blueprint and who is here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, make_response
from werkzeug.wrappers import Response

from heyan import web
from heyan.events.wording import title_of
from heyan.releases import service
from heyan.releases.models import Release
from heyan.releases.service import ReleaseUnknown

organizer_pages = Blueprint("releases", __name__)

# The desk's pages: as everywhere, and pictures only from this page's own memory.
DESK_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@organizer_pages.app_context_processor
def _words() -> dict[str, Any]:
    """Titles of events in the page's language, where only organizers' pages are served."""
    return {"event_title": title_of}


def organization_id() -> uuid.UUID:
    """Return the organization of the member who is signed in."""
    person = web.login_session()
    if person is None or person.organization_id is None:
        abort(403)
    return person.organization_id


def desk_page(page: str, status: int = 200, *, policy: str = DESK_CSP) -> Response:
    """Return a page on which a key is made or used."""
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = policy
    return response


def steps_of(
    steps: Iterable[tuple[Any, Any]], times: Mapping[Any, datetime | None], *, over: bool
) -> list[tuple[Any, datetime | None, bool]]:
    """Return a key's way as (words, time, is it the next one); of one that is *over* none is."""
    found, reached = [], True
    for status, words in steps:
        at = times[status]
        found.append((words, at, reached and at is None and not over))
        reached = at is not None
    return found


def own_release(release_id: uuid.UUID) -> Release:
    """Return one of the organization's releases; another's is a 404."""
    try:
        return service.load(web.session(), organization_id(), release_id)
    except ReleaseUnknown:
        abort(404)
