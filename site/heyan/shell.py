"""The page's frame: what every template may use, the language switch, and health checks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import (
    Blueprint,
    Flask,
    current_app,
    g,
    jsonify,
    make_response,
    redirect,
    request,
    url_for,
)
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from heyan import clock, cookies, csrf, guard, web
from heyan.access import Permission, Realm, public
from heyan.notifications.service import unread_count
from heyan.rights import workdays
from heyan.winddown import door

pages = Blueprint("shell", __name__)


def init(app: Flask) -> None:
    """Give *app* its frame."""
    app.register_blueprint(pages)
    app.context_processor(_context)
    # As globals too: macros of a template that is imported without context need them.
    app.jinja_env.globals.update(
        csrf_token=csrf.new_token,
        asset=web.asset,
        imports=web.imports,
        get_locale=get_locale,
        has_page=has_page,
    )
    app.add_template_filter(_datetime, "datetime")
    app.add_template_filter(_date, "date")
    app.add_template_filter(_yuan, "yuan")
    app.add_template_filter(_size, "filesize")
    app.add_template_filter(_telephone, "telephone")


def _context() -> dict[str, Any]:
    person = web.login_session()
    return {
        "settings": web.settings(),
        "fact": _fact,
        "surface": _surface(),
        "csrf_token": csrf.new_token,
        "get_locale": get_locale,
        "asset": web.asset,
        "nav_items": _nav_items,
        "flashes": _take_flashes,
        "signed_in": person,
        "permissions": Permission,
        "now": clock.now,
        "language_links": _language_links,
        "indexed": _indexed,
        "here": _here,
        "surface_home": _surface_home,
        "login_url": _login_url,
        "footer_links": _footer_links,
        "notices_url": _notices_url,
        "unread_notices": _unread_notices,
        "session_seconds": _session_seconds,
        "in_wechat": _in_wechat,
        "service_ends_on": door.ends_on,
    }


def _fact(name: str) -> str:
    return web.settings().fact(name, english=str(get_locale()).startswith("en"))


def has_page(endpoint: str) -> bool:
    """Tell whether this process serves *endpoint* (surfaces may live on other hosts)."""
    return endpoint in current_app.view_functions


def _links(entries: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(url_for(endpoint), words) for endpoint, words in entries if has_page(endpoint)]


def _surface_home() -> str:
    endpoint = {"staff": "staff.home", "organizer": "releases.home"}.get(_surface(), "public.home")
    return url_for(endpoint) if has_page(endpoint) else web.settings().base_url + "/"


def _login_url() -> str:
    return url_for(guard.login_endpoint())


def _footer_links() -> list[tuple[str, str]]:
    entries = (
        ("policies.privacy", _("个人信息保护政策")),
        ("public.custody", _("证件如何被保护")),
        ("assessments.children", _("儿童个人信息保护规则")),
        ("policies.agreement", _("用户协议")),
        ("policies.cookies", _("Cookie 说明")),
        ("public.contact", _("联系我们")),
        ("leads.new", _("请给我回电")),
        ("rights.ask", _("投诉与解释")),
    )
    return [(endpoint, words) for endpoint, words in entries if has_page(endpoint)]


def _session_seconds() -> int:
    """How long the session lives if it is not used; nobody's has no time left."""
    person = web.login_session()
    return max(0, round((person.expires_at - clock.now()).total_seconds())) if person else 0


def _in_wechat() -> bool:
    """Whether this is WeChat's own browser, which opens pages but saves no file."""
    return "MicroMessenger" in request.headers.get("User-Agent", "")


def _notices_url() -> str:
    """Where the notices of who is signed in stand; empty where this process does not serve it."""
    person = web.login_session()
    endpoint = _NOTICES[person.realm] if person else ""
    return url_for(endpoint) if endpoint and has_page(endpoint) else ""


_NOTICES = {
    Realm.PUBLIC: "notifications.index",
    Realm.ORGANIZER: "organizer_notices.index",
    Realm.STAFF: "staff_notices.index",
}


def _unread_notices() -> int:
    """How many notices wait; none when the database cannot say (the page matters more)."""
    try:
        return unread_count(web.session(), web.account_id())
    except SQLAlchemyError:
        return 0


def _surface() -> str:
    person = web.login_session()
    if person and request.path.startswith("/account/") and person.realm is not Realm.PUBLIC:
        return str(person.realm.value)
    for surface in ("staff", "organizer"):
        if request.path.startswith(f"/{surface}"):
            return surface
    return "public"


def _take_flashes() -> list[Any]:
    person = web.login_session()
    shown: list[Any] = (list(person.flashes) if person else []) + g.get("new_flashes", [])
    if shown:
        g.flashes_shown = True
    return shown


def _nav_items() -> list[tuple[str, str, bool]]:
    """Entries of the main navigation: (address, words, whether we are there)."""
    person = web.login_session()
    surface = _surface()
    items: list[tuple[str, str]] = []
    if surface == "public":
        items = _links((("events.index", _("赛事与考试")), ("public.custody", _("隐私与安全"))))
        if person and person.realm is Realm.PUBLIC and person.complete:
            items += _links(
                (
                    ("registrations.index", _("我的报名")),
                    ("students.index", _("学员")),
                    ("rights.index", _("我的信息")),
                )
            )
    elif person and person.realm.value == surface:
        entries = _ORGANIZER_NAV if surface == "organizer" else _STAFF_NAV
        items = _links((end, str(words)) for end, words, need in entries if person.may(need))
    best = max(
        (address for address, _words in items if request.path.startswith(address)),
        key=len,
        default=None,
    )
    return [(address, words, address == best) for address, words in items]


_ORGANIZER_NAV = (
    ("releases.index", _l("批次"), Permission.ORGANIZER_RELEASES),
    ("releases.keys", _l("密钥"), Permission.ORGANIZER_KEYS),
    ("organizer_rights.index", _l("撤回与更正"), Permission.ORGANIZER_RELEASES),
    ("organizations.members", _l("成员"), Permission.ORGANIZER_MEMBERS),
)
_STAFF_NAV = (
    ("staff.home", _l("待办"), Permission.STAFF_HOME),
    ("staff_leads.index", _l("回电"), Permission.LEADS_WORK),
    ("staff_contacts.index", _l("来往"), Permission.CONTACTS_WORK),
    ("staff_rights.index", _l("权利请求"), Permission.RIGHTS_WORK),
    ("staff_assistance.index", _l("学员账号"), Permission.ACCOUNTS_ASSIST),
    ("staff_approvals.index", _l("审批"), Permission.APPROVALS_SEE),
    ("staff_events.index", _l("项目"), Permission.EVENTS_MANAGE),
    ("staff_safety.index", _l("风险提示"), Permission.SAFETY_WORK),
    ("staff_organizations.index", _l("主办单位"), Permission.ORGANIZATIONS_SEE),
    ("staff_agreements.index", _l("协议"), Permission.AGREEMENTS_SEE),
    ("staff_recipients.index", _l("密钥审批"), Permission.RECIPIENTS_SEE),
    ("viewings.index", _l("查看"), Permission.VIEWINGS_OWN),
    ("staff.people", _l("人员"), Permission.STAFF_MANAGE),
    ("staff_messages.index", _l("邮件短信"), Permission.MESSAGES_SEE),
    ("audit.index", _l("审计"), Permission.AUDIT_READ),
    ("staff_oversight.alert_list", _l("告警"), Permission.ALERTS_WORK),
    ("staff_oversight.report", _l("审计报告"), Permission.REPORTS_SEE),
    ("staff_oversight.own_training", _l("培训"), Permission.STAFF_HOME),
    ("staff_usage.index", _l("浏览统计"), Permission.USAGE_SEE),
    ("staff_accounts.review", _l("权限复核"), Permission.ACCESS_REVIEW),
    ("retention.index", _l("保存与销毁"), Permission.KEEPING_SEE),
    ("staff_assessments.index", _l("影响评估"), Permission.ASSESSMENTS_SEE),
    ("staff_winddown.index", _l("停止服务"), Permission.WINDDOWN_SEE),
    ("staff_policies.index", _l("政策版本"), Permission.POLICIES_SEE),
)


def _indexed() -> bool:
    """Whether search engines may keep this page: public ones, seen by nobody in particular."""
    return _surface() == "public" and web.login_session() is None and bool(_language_links())


def _here() -> str:
    """The present address, to come back to; a page that was posted is come back to by its GET."""
    return request.path if request.method == "POST" else request.full_path.rstrip("?")


def _language_links() -> dict[str, str]:
    """The present page in each language, for hreflang; nothing where no page was found."""
    if request.endpoint is None or request.method == "POST":
        return {}
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    base = web.settings().base_url + quote(request.path)
    return {
        "zh-CN": base + ("?" + urlencode(kept) if kept else ""),
        "en": base + "?" + urlencode([*kept, ("lang", "en")]),
    }


def _datetime(moment: datetime) -> str:
    at = clock.local(moment)
    if get_locale() and str(get_locale()).startswith("en"):
        return f"{at:%-d %b %Y, %H:%M}"
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}"


def _date(moment: datetime | str) -> str:
    """A day: a moment's, as it is in China, or a birthday, which is kept as ISO text."""
    at = date.fromisoformat(moment) if isinstance(moment, str) else clock.local(moment)
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


def _telephone(number: str) -> str:
    """A number that is never broken at its hyphens."""
    return number.replace("-", "\N{NON-BREAKING HYPHEN}")


@pages.post("/language")
@public
def language() -> Response:
    """Remember the language and return to the page the person was on."""
    chosen = "en" if request.form.get("lang") == "en" else "zh_CN"
    target = web.safe_next(request.form.get("next"), "/")
    base, _mark, query = target.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("lang=")]
    kept += ["lang=en"] if chosen == "en" else []
    response = make_response(redirect(base + ("?" + "&".join(kept) if kept else "")))
    cookies.set_cookie(response, cookies.LANGUAGE, chosen, secure=web.settings().secure_cookies)
    return response


@pages.get("/session")
@public
def session_state() -> Response:
    """Tell until when the session lives; asking is use, so asking makes it live on."""
    return jsonify(seconds=_session_seconds())


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
        web.heyan().objects.check()
        checks["objects"] = "ok"
    except Exception as error:  # noqa: BLE001 - any failure means not ready
        # Which it is, away or credentials that are wrong, is for the operator's eye.
        guard.log.warning("objects_not_ready", kind=type(error).__name__)
        checks["objects"] = "away"
    ready = all(state == "ok" for state in checks.values())
    missing = workdays.missing_year(clock.local(clock.now()).date())
    return jsonify(
        status="ready" if ready else "not ready",
        checks=checks,
        # What keeps nobody from working today, and is to be done.
        notes={"working_days": f"missing {missing}"} if missing else {},
    ), 200 if ready else 503


def _csp_report() -> tuple[str, int]:
    guard.log.warning("csp_report")
    return "", 204


_csp_report.__heyan_csrf_exempt__ = True  # type: ignore[attr-defined]
pages.add_url_rule("/csp-report", "csp_report", public(_csp_report), methods=["POST"])
