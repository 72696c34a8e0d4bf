"""The page's frame: what every template may use, the language switch, and health checks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, g, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import get_locale
from sqlalchemy import text
from werkzeug.wrappers import Response

from heyan import clock, cookies, csrf, guard, web
from heyan.access import Permission, Realm, public

pages = Blueprint("shell", __name__)


def init(app: Flask) -> None:
    """Give *app* its frame."""
    app.register_blueprint(pages)
    app.context_processor(_context)
    app.add_template_filter(_datetime, "datetime")
    app.add_template_filter(_date, "date")
    app.add_template_filter(_yuan, "yuan")
    app.add_template_filter(_size, "filesize")


def _context() -> dict[str, Any]:
    person = web.login_session()
    return {
        "settings": web.settings(),
        "surface": _surface(),
        "csrf_token": csrf.new_token,
        "get_locale": get_locale,
        "asset": web.asset,
        "nav_items": _nav_items,
        "flashes": _take_flashes,
        "signed_in": person,
        "now": clock.now,
        "language_links": _language_links,
    }


def _surface() -> str:
    for surface in ("staff", "organizer"):
        if request.path.startswith(f"/{surface}"):
            return surface
    return "public"


def _take_flashes() -> list[Any]:
    person = web.login_session()
    shown = (list(person.flashes) if person else []) + g.get("new_flashes", [])
    if shown:
        g.flashes_shown = True
    return shown


def _nav_items() -> list[tuple[str, str, bool]]:
    """Entries of the main navigation: (address, words, whether we are there)."""
    person = web.login_session()
    items: list[tuple[str, str]] = []
    surface = _surface()
    if surface == "public":
        items = [
            (url_for("events.index"), _("赛事与考试")),
            (url_for("public.custody"), _("隐私与安全")),
        ]
        if person and person.realm is Realm.PUBLIC:
            items += [
                (url_for("registrations.index"), _("我的报名")),
                (url_for("students.index"), _("学员")),
            ]
    elif person and person.realm is Realm.ORGANIZER and surface == "organizer":
        entries = (
            ("releases.index", _("批次"), Permission.ORGANIZER_RELEASES),
            ("releases.keys", _("密钥"), Permission.ORGANIZER_KEYS),
            ("organizations.members", _("成员"), Permission.ORGANIZER_MEMBERS),
        )
        items = [(url_for(end), words) for end, words, need in entries if person.may(need)]
    elif person and person.realm is Realm.STAFF and surface == "staff":
        staff_entries = (
            ("staff.home", _("待办"), Permission.STAFF_HOME),
            ("staff_leads.index", _("回电"), Permission.LEADS_WORK),
            ("staff_events.index", _("项目"), Permission.EVENTS_MANAGE),
            ("staff_organizations.index", _("主办单位"), Permission.ORGANIZATIONS_SEE),
            ("staff_recipients.index", _("密钥审批"), Permission.RECIPIENTS_SEE),
            ("staff.people", _("人员"), Permission.STAFF_MANAGE),
            ("audit.index", _("审计"), Permission.AUDIT_READ),
        )
        items = [(url_for(end), words) for end, words, need in staff_entries if person.may(need)]
    return [(address, words, request.path == address) for address, words in items]


def _language_links() -> dict[str, str]:
    """The present page in each language, for hreflang."""
    args = {**(request.view_args or {}), **request.args.to_dict()}
    args.pop("lang", None)
    if request.endpoint is None or request.method != "GET":
        return {}
    return {
        "zh-CN": url_for(request.endpoint, **args),
        "en": url_for(request.endpoint, **{**args, "lang": "en"}),
    }


def _datetime(moment: datetime) -> str:
    at = clock.local(moment)
    if get_locale() and str(get_locale()).startswith("en"):
        return f"{at:%-d %b %Y, %H:%M}"
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def _date(moment: datetime) -> str:
    at = clock.local(moment)
    if get_locale() and str(get_locale()).startswith("en"):
        return f"{at:%-d %b %Y}"
    return f"{at.year}年{at.month}月{at.day}日"


def _yuan(fen: int) -> str:
    """An amount in fen, as yuan."""
    whole, cents = divmod(fen, 100)
    return f"{whole:,}.{cents:02d}" if cents else f"{whole:,}"


def _size(count: int) -> str:
    """A number of bytes, readable."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


@pages.post("/language")
@public
def language() -> Response:
    """Remember the language and return to the page the person was on."""
    chosen = "en" if request.form.get("lang") == "en" else "zh_CN"
    target = web.safe_next(request.form.get("next"), "/")
    base, _mark, query = target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("lang=")]
    kept += ["lang=en"] if chosen == "en" else []
    response = redirect(base + ("?" + "&".join(kept) if kept else ""))
    cookies.set_cookie(  # type: ignore[arg-type]
        response, cookies.LANGUAGE, chosen, secure=web.settings().secure_cookies
    )
    return response


@pages.get("/healthz")
@public
def healthz() -> Response:
    """Tell that this process answers."""
    return jsonify(status="ok")


@pages.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Tell whether database, jobs and objects are there."""
    checks: dict[str, str] = {}
    session = web.session()
    for name, query in (
        ("database", "SELECT 1"),
        ("jobs", "SELECT 1 FROM procrastinate_jobs LIMIT 1"),
    ):
        try:
            session.execute(text(query))
            checks[name] = "ok"
        except Exception:  # noqa: BLE001 - any failure means not ready
            session.rollback()
            checks[name] = "away"
    try:
        web.heyan().objects.ping()
        checks["objects"] = "ok"
    except Exception:  # noqa: BLE001 - any failure means not ready
        checks["objects"] = "away"
    ready = all(state == "ok" for state in checks.values())
    return jsonify(status="ready" if ready else "not ready", checks=checks), 200 if ready else 503


def _csp_report() -> tuple[str, int]:
    guard.log.warning("csp_report")
    return "", 204


_csp_report.__heyan_csrf_exempt__ = True  # type: ignore[attr-defined]
pages.add_url_rule("/csp-report", "csp_report", public(_csp_report), methods=["POST"])
