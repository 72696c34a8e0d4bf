"""The door of every request: who is here, may they, is the request their own, and how it leaves.

Default deny: a route that declares nothing keeps the application from starting.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

import structlog
from flask import Flask, Response, abort, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import LoginManager
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as WerkzeugResponse

from heyan import bodies, cookies, csrf, web
from heyan.access import Permission, Realm, Requirement, requirement_of
from heyan.accounts import networks, sessions
from heyan.accounts.sessions import SignedIn
from heyan.audit.service import add, record
from heyan.db import transaction
from heyan.policies import standing
from heyan.winddown import door

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; object-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'; report-uri /csp-report"
)
PERMISSIONS_POLICY = (
    "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), "
    "fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), "
    "payment=(), picture-in-picture=(), publickey-credentials-get=(self), screen-wake-lock=(), "
    "usb=(), xr-spatial-tracking=(), browsing-topics=()"
)
log = structlog.get_logger()
# Open while changed terms are undecided: one's own data and its rights, leaving, and the terms
# themselves (S-107). Public pages ask nothing anyway.
STILL_OPEN = frozenset({"rights", "policies", "usage"})
STILL_OPEN_PAGES = frozenset(
    {"accounts.logout", "accounts.step_up", "accounts.passkey_step_up", "accounts.passkey_options"}
)


def init(app: Flask) -> None:
    """Put the door in front of *app*."""
    manager = LoginManager(app)
    manager.session_protection = None
    manager.request_loader(lambda _request: g.get("signed_in"))
    app.before_request(_name_request)
    app.before_request(_load_person)
    app.before_request(door.close)
    app.before_request(_check_access)
    app.before_request(_check_csrf)
    app.after_request(_leave)


def assert_declared(app: Flask) -> None:
    """Raise `RuntimeError` when a route declares no permission (default deny, C-46)."""
    silent = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and requirement_of(app.view_functions[rule.endpoint]) is None
    ]
    if silent:
        raise RuntimeError(f"routes without @public or @requires: {sorted(set(silent))}")


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _load_person() -> None:
    if request.endpoint == "static":
        return
    name = cookies.cookie_name(cookies.SESSION, secure=web.settings().secure_cookies)
    if token := request.cookies.get(name):
        g.signed_in = sessions.load(web.session(), web.settings(), token)
        if g.signed_in is None:
            g.drop_session_cookie = True


def _requirement() -> Requirement | None:
    if request.endpoint is None or request.endpoint == "static":
        return None
    return requirement_of(web_view(request.endpoint))


def web_view(endpoint: str) -> Any:
    """Return the view function behind *endpoint*."""
    from flask import current_app

    return current_app.view_functions[endpoint]


def _check_access() -> WerkzeugResponse | None:
    needed = _requirement()
    if needed is None or needed.permission is None:
        return None
    person = web.login_session()
    if person is None:
        if request.method in UNSAFE:
            abort(401)
        return redirect(url_for(login_endpoint(), next=request.full_path.rstrip("?")))
    if not networks.welcome(web.settings(), person.realm, web.client_address()):
        _denied(needed.permission, "network_not_allowed")
        abort(403, description=_("请从单位的网络访问：这个账号不能在这里使用。"))
    if not person.complete:
        if needed.mfa_setup:
            return None
        _denied(needed.permission, "second_factor_missing")
        abort(403)
    if not person.may(needed.permission):
        _denied(needed.permission, "permission_missing")
        abort(403)
    if (answer := _owed(person, needed) or _ask_again(person)) is not None:
        return answer
    if needed.step_up and not person.stepped_up(web.settings()):
        if request.method in UNSAFE:
            abort(403, description=_("这一步需要先重新验证身份，请返回上一页再试。"))
        return redirect(url_for("accounts.step_up", next=request.full_path.rstrip("?")))
    return None


def _owed(person: SignedIn, needed: Requirement) -> WerkzeugResponse | None:
    """Lead to the password page whose password is too old, where that is the rule."""
    if not person.password_due or needed.permission is Permission.OWN_ACCOUNT:
        return None
    if request.method in UNSAFE:
        abort(403, description=_("密码到期了，请先在“账号”里修改密码。"))
    return redirect(url_for("accounts.password"))


def _ask_again(person: SignedIn) -> WerkzeugResponse | None:
    """Lead to changed terms before anything else who has not decided about them (K1)."""
    endpoint = str(request.endpoint)
    if person.realm is not Realm.PUBLIC or endpoint in STILL_OPEN_PAGES:
        return None
    if endpoint.partition(".")[0] in STILL_OPEN:
        return None
    if not standing.due(web.session(), person.account_id):
        return None
    if request.method in UNSAFE:
        abort(403, description=_("条款有重大变更，请先打开“我的报名”，看过变更并作出决定。"))
    return redirect(url_for("policies.terms", next=request.full_path.rstrip("?")))


def login_endpoint() -> str:
    """Return the sign-in page that belongs to the present address."""
    if request.path.startswith("/staff"):
        return "accounts.staff_login"
    if request.path.startswith("/organizer"):
        return "accounts.organizer_login"
    return "accounts.login"


def _denied(permission: Permission, why: str) -> None:
    session = web.session()
    with transaction(session):
        record(
            session,
            web.actor(),
            "access.denied",
            "route",
            request.endpoint,
            outcome="denied",
            permission=permission.value,
            why=why,
        )


def _note_not_found() -> None:
    """Write down that someone signed in asked for what is not theirs, or is not there (C-47).

    Objects are loaded through their owner, so a foreign id and an unknown one look alike.
    """
    person, needed = web.login_session(), _requirement()
    if person is None or needed is None or needed.permission is None:
        return
    session = web.session()
    session.rollback()
    ids = {key: value for key, value in (request.view_args or {}).items() if _is_id(value)}
    with transaction(session):
        record(
            session,
            web.actor(),
            "access.not_found",
            "route",
            request.endpoint,
            outcome="denied",
            **ids,
        )


def _is_id(value: object) -> bool:
    return isinstance(value, uuid.UUID | int)


def _check_csrf() -> None:
    if request.method not in UNSAFE or request.endpoint in (None, "static"):
        return
    view = web_view(str(request.endpoint))
    if getattr(view, "__heyan_csrf_exempt__", False):
        return
    if getattr(view, "__heyan_late_csrf__", False):
        csrf.check_origin()
        return
    with bodies.FORMS.one():
        request.get_data(parse_form_data=True)
    csrf.check_request()


def _note_shown(response: Response) -> None:
    """Wait until whose data the page shows is on record, before a byte of it leaves (I4, S-092).

    It was sent when the page began (`web.shows`). What cannot be written down is not shown: the
    error takes the page's place (C-66).
    """
    if "shown" not in g or response.status_code in (403, 404) or response.status_code >= 500:
        return  # nobody is shown, not even on the page of an error
    entry, ahead = g.pop("shown")
    if ahead is not None and ahead.arrived():
        return
    session = web.session()
    with transaction(session):
        add(session, entry)


def _leave(response: Response) -> Response:
    _note_shown(response)
    if response.status_code == 404:
        _note_not_found()
    secure = web.settings().secure_cookies
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("X-Permitted-Cross-Domain-Policies", "none")
    headers["Server"] = ""  # left out, the server would name itself
    if secure:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains; preload"
    if request.endpoint == "static" and response.status_code < 400:
        headers.setdefault("Cache-Control", "no-cache")
        return response
    needed = _requirement()
    open_page = needed is not None and needed.permission is None
    form_page = "set_form_cookie" in g or "form_cookie" in g
    if g.get("signed_in") or not open_page or form_page or response.status_code >= 400:
        headers["Cache-Control"] = "no-store"
    else:
        headers.setdefault("Cache-Control", "no-cache")
    headers.add("Vary", "Cookie, Accept-Language")
    if "set_form_cookie" in g:
        cookies.set_cookie(response, cookies.FORM, g.set_form_cookie, secure=secure)
    if g.get("drop_session_cookie"):
        cookies.drop_cookie(response, cookies.SESSION, secure=secure)
    _settle_flashes()
    return response


def _settle_flashes() -> None:
    person: SignedIn | None = g.get("signed_in")
    if person is None:
        return
    kept = [] if g.get("flashes_shown") else list(person.flashes)
    kept += g.get("new_flashes", []) if not g.get("flashes_shown") else []
    if kept != person.flashes:
        try:
            sessions.keep_flashes(web.session(), person.id, kept)
        except SQLAlchemyError as error:
            # The page itself, be it the one that says the database is away, matters more.
            log.warning("flashes_lost", kind=type(error).__name__)
