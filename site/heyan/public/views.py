"""The pages around the features: home, how documents are protected, how to reach us."""

from __future__ import annotations

import base64
from datetime import timedelta

from flask import Blueprint, Response, render_template, url_for

from heyan import clock, web
from heyan.access import public
from heyan.classification import REGISTRY
from heyan.events.service import open_events
from heyan.leads.panel import panel
from heyan.releases.fingerprint import key_fingerprint

public_pages = Blueprint("public", __name__)
SHOWN_EVENTS = 6
# A security.txt names the day it stops being true (RFC 9116): within a year.
CONTACT_HOLDS = timedelta(days=180)


@public_pages.get("/")
@public
def home() -> str:
    """Show what the site is for, the callback form and the events that are open."""
    session = web.reading()
    return render_template(
        "public/home.html",
        lead=panel(session),
        events=open_events(session, limit=SHOWN_EVENTS),
    )


@public_pages.get("/privacy/custody")
@public
def custody() -> str:
    """Tell in plain words how documents are protected, and against what they are not."""
    root = web.settings().root_public_key
    return render_template(
        "public/custody.html",
        limits=web.settings(),
        decided_days=REGISTRY["identity.document"].days,
        root_key=base64.b64encode(root).decode(),
        root_fingerprint=key_fingerprint(root),
    )


@public_pages.get("/contact")
@public
def contact() -> str:
    """Tell how to reach us, the privacy officer, and where to complain."""
    return render_template("public/contact.html")


@public_pages.get("/robots.txt")
@public
def robots() -> Response:
    """Tell search engines what to leave alone; every private page says noindex besides."""
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in ("/account/", "/me/", "/registrations", "/students")),
        *(f"Disallow: {path}" for path in ("/documents/", "/organizer", "/staff")),
        f"Sitemap: {web.settings().base_url}{url_for('events.sitemap')}",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@public_pages.get("/.well-known/security.txt")
@public
def security() -> Response:
    """Tell whom to write to about a weakness (RFC 9116)."""
    settings = web.settings()
    until = (clock.now() + CONTACT_HOLDS).replace(hour=0, minute=0, second=0, microsecond=0)
    mail = settings.contact_email
    lines = [
        f"Contact: mailto:{mail}" if mail else f"Contact: {settings.base_url}/contact",
        f"Expires: {until.isoformat()}",
        "Preferred-Languages: zh, en",
        f"Canonical: {settings.base_url}/.well-known/security.txt",
        f"Policy: {settings.base_url}/privacy/custody",
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
