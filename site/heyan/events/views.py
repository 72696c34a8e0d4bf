"""Pages of events for everyone: the list, one event, the site map. None sets a cookie."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from heyan import clock, web
from heyan.access import public
from heyan.documents.kinds import WORDS
from heyan.events import service, wording
from heyan.events.editing import has_vault_key
from heyan.events.models import EventKind
from heyan.events.service import EventUnknown, Stage, When
from heyan.events.staff_views import staff_pages
from heyan.registrations.submission import waiting_count

__all__ = ["public_pages", "staff_pages"]

public_pages = Blueprint("events", __name__)
LONGEST_SEARCH = 60


@public_pages.app_context_processor
def _words() -> dict[str, Any]:
    """What cards of events need on any page."""
    return {
        "event_title": wording.title_of,
        "event_text": wording.text_of,
        "event_badge": wording.badge_of,
        "event_kinds": wording.KINDS,
        "document_words": WORDS,
    }


@public_pages.get("/events")
@public
def index() -> str:
    """List the events, by kind and words, those that close first in front."""
    asked = request.args
    when = When.PAST if asked.get("when") == "past" else When.OPEN
    kind = next((kind for kind in EventKind if kind.value == asked.get("kind")), None)
    words = asked.get("q", "").strip()[:LONGEST_SEARCH]
    found = service.list_events(
        web.reading(), when=when, kind=kind, words=words, after=asked.get("after")
    )
    kept: dict[str, Any] = {
        "kind": kind.value if kind else None,
        "q": words or None,
        "when": "past" if when is When.PAST else None,
        "lang": asked.get("lang"),
    }
    return render_template(
        "events/index.html",
        events=found.events,
        kind=kind,
        words=words,
        past=when is When.PAST,
        first_page="after" not in asked,
        next_url=url_for("events.index", **kept, after=found.after) if found.after else None,
        other_url=url_for("events.index", when=None if when is When.PAST else "past"),
    )


@public_pages.get("/events/<slug>")
@public
def show(slug: str) -> str:
    """Show an event: dates, fee, seats, what is needed, and the way to register."""
    session = web.reading()
    try:
        event = service.by_slug(session, slug)
    except EventUnknown:
        abort(404)
    moment = clock.now()
    sealable = not event.document_kinds or has_vault_key(session, event.id)
    stage = service.stage_of(event, moment, sealable=sealable)
    return render_template(
        "events/show.html",
        event=event,
        stage=stage,
        Stage=Stage,
        may_register=service.takes_registrations(stage),
        waiting=waiting_count(session, event.id) if stage is Stage.FULL else 0,
        left=wording.time_left(event, moment),
        paragraphs=wording.paragraphs_of(event),
        label_of=wording.label_of,
    )


@public_pages.get("/sitemap.xml")
@public
def sitemap() -> Response:
    """List the addresses that a search engine may read."""
    pages = (
        "public.home",
        "events.index",
        "leads.new",
        "public.contact",
        "public.custody",
        "policies.privacy",
        "policies.agreement",
        "policies.cookies",
    )
    base = web.settings().base_url
    addresses = [base + url_for(page) for page in pages]
    addresses += [
        base + url_for("events.show", slug=slug) for slug in service.public_slugs(web.reading())
    ]
    text = render_template("events/sitemap.xml", addresses=addresses)
    return Response(text, content_type="application/xml; charset=utf-8")
