"""The door when the service has ended: one last page, and nothing is taken any more (H5, S-079)."""

from __future__ import annotations

from datetime import datetime

from flask import current_app, g, render_template, request
from sqlalchemy.exc import SQLAlchemyError

from heyan import clock, web
from heyan.winddown import service
from heyan.winddown.models import ServiceEnding

# What is still served when everything else has ended.
OPEN_AFTERWARDS = frozenset(
    {"static", "winddown.certificate", "shell.healthz", "shell.readyz", "shell.language"}
)


def close() -> tuple[str, int] | None:
    """Answer every request with the last page from the end of the last day on."""
    if request.endpoint in OPEN_AFTERWARDS:
        return None
    try:
        row = _announced()
    except SQLAlchemyError:
        # Each page says by itself what it cannot do without the database.
        return None
    g.service_ends = row.ends_at if row else None
    if row is None or row.ends_at > clock.now():
        return None
    serves = "winddown.certificate" in current_app.view_functions
    return render_template(
        "winddown/ended.html", row=row, has_certificate=serves and row.certificate is not None
    ), 410


def _announced() -> ServiceEnding | None:
    session = web.reading()
    found = service.announced(session)
    if request.method not in ("GET", "HEAD"):
        # A body may take minutes to come: no connection of the database waits for it. Asking on
        # another one would hold two at once, and many uploads would wait for one another.
        session.commit()
    return found


def ends_on() -> datetime | None:
    """Return when the service ends, for the banner of every page; None when it goes on."""
    found: datetime | None = g.get("service_ends")
    return found
