"""What this request's browser has chosen about being counted."""

from __future__ import annotations

from flask import request

from heyan import cookies, web
from heyan.usage.wording import PAGES

# A refusal is remembered, so that nobody is asked twice within half a year (L-10).
REFUSED = "no"


def refused_by_browser() -> bool:
    """Tell whether the browser asks not to be tracked: that is a refusal (S-042)."""
    return request.headers.get("DNT") == "1" or request.headers.get("Sec-GPC") == "1"


def kept(cookie: cookies.Cookie) -> str | None:
    """Return the value of *cookie* that the browser sent."""
    return request.cookies.get(cookies.cookie_name(cookie, secure=web.settings().secure_cookies))


def state() -> str:
    """Return ``agreed``, ``refused`` or, where nothing was chosen, ``open``."""
    if kept(cookies.USAGE) is not None:
        return "agreed"
    return "refused" if kept(cookies.CHOICE) == REFUSED else "open"


def asks() -> bool:
    """Tell whether this page asks: the choice is open and the browser has not refused."""
    # The page about cookies holds the same two buttons itself.
    elsewhere = request.endpoint in PAGES and request.endpoint != "policies.cookies"
    return elsewhere and not refused_by_browser() and state() == "open"


def counts() -> bool:
    """Tell whether this page may be counted, as far as the browser can say."""
    return request.endpoint in PAGES and not refused_by_browser() and state() == "agreed"
