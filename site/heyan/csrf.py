"""Cross-site request forgery: a signed token in every form, and the browser's own word.

A token is bound to the signed-in session; before sign-in to the form cookie where the page sets
one (sign-in, registration), else to nothing but its age, since reading and leaving a lead work
without any cookie (F4). On top, a request whose Sec-Fetch-Site or Origin names another site is
refused (ASVS 3.5.1, 3.5.3).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import g, request
from wtforms import ValidationError
from wtforms.csrf.core import CSRF

from heyan import web
from heyan.cookies import FORM, cookie_name

MAX_AGE = 24 * 3600
MAX_LENGTH = 200
V = TypeVar("V", bound=Callable[..., Any])


class CsrfRefused(Exception):
    """The token is missing, foreign or too old, or another site sent the request."""


def _binding() -> str:
    signed_in = web.login_session()
    if signed_in is not None:
        return f"session:{signed_in.id}"
    if cookie := (getattr(g, "form_cookie", None) or request.cookies.get(_form_cookie_name())):
        return f"form:{cookie}"
    return "open"


def _form_cookie_name() -> str:
    return cookie_name(FORM, secure=web.settings().secure_cookies)


def _mac(issued: str, nonce: str, binding: str) -> str:
    key = hashlib.sha256(b"heyan csrf" + web.settings().secret_key.encode()).digest()
    return hmac.new(key, f"{issued}.{nonce}.{binding}".encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    """Return a token for the person in front of this request, one for all of a page's forms."""
    binding = _binding()
    made: dict[str, str] = g.setdefault("csrf_tokens", {})
    if binding not in made:
        issued, nonce = str(int(time.time())), secrets.token_hex(8)
        made[binding] = f"{issued}.{nonce}.{_mac(issued, nonce, binding)}"
    return made[binding]


def bind_to_browser() -> None:
    """Give this page's forms a cookie to be bound to (sign-in and registration pages).

    Such a form is not taken from a browser without the cookie: a token of the open kind, which
    anybody can fetch, would sign people in to somebody else's account. Raises `CsrfRefused`.
    """
    name = _form_cookie_name()
    if request.method == "POST" and web.login_session() is None and name not in request.cookies:
        raise CsrfRefused
    g.form_cookie = request.cookies.get(name) or secrets.token_urlsafe(32)
    if name not in request.cookies:
        g.set_form_cookie = g.form_cookie


def check_origin() -> None:
    """Refuse a state change that another site's page sent; raises `CsrfRefused`."""
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        if fetch_site not in ("same-origin", "none"):
            raise CsrfRefused
        return
    origin = request.headers.get("Origin")
    if origin is not None and _place(origin) != request.host:
        raise CsrfRefused


def _place(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def check_token(token: str | None) -> None:
    """Check a token from the form or the X-CSRF-Token header; raises `CsrfRefused`."""
    token = token or ""
    issued, _, rest = token.partition(".")
    nonce, _, mac = rest.partition(".")
    # Neither digits of other scripts nor a number of any length: int() and compare_digest object.
    if not token.isascii() or len(token) > MAX_LENGTH or not issued.isdigit():
        raise CsrfRefused
    if not hmac.compare_digest(mac, _mac(issued, nonce, _binding())):
        raise CsrfRefused
    if int(issued) < time.time() - MAX_AGE:
        raise CsrfRefused


def check_request() -> None:
    """Check origin and token of the present request; raises `CsrfRefused`.

    Reads the form, so a view that must refuse before a body is read (uploads) is marked with
    `late_csrf` and calls this itself.
    """
    check_origin()
    check_token(request.headers.get("X-CSRF-Token") or request.form.get("csrf_token"))


def late_csrf(view: V) -> V:
    """Mark a view that calls `check_request` itself, after what it can refuse unread."""
    view.__heyan_late_csrf__ = True  # type: ignore[attr-defined]
    return view


class FormCsrf(CSRF):
    """WTForms' view of the same token."""

    def generate_csrf_token(self, csrf_token_field: Any) -> str:  # noqa: ARG002 - WTForms calls it so
        return new_token()

    def validate_csrf_token(self, form: Any, field: Any) -> None:  # noqa: ARG002 - as above
        try:
            check_token(request.headers.get("X-CSRF-Token") or field.data)
        except CsrfRefused as refused:
            raise ValidationError from refused
