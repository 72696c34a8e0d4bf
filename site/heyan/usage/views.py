"""The choice about counting, the counting itself, and its figures for staff."""

from __future__ import annotations

from typing import Any

import structlog
from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as WerkzeugResponse

from heyan import cookies, limits, web
from heyan.access import Permission, public, requires
from heyan.consent.purposes import ANALYTICS, PURPOSES
from heyan.usage import choice, service, wording
from heyan.usage.models import HitKind

public_pages = Blueprint("usage", __name__)
staff_pages = Blueprint("staff_usage", __name__, url_prefix="/staff/usage")
log = structlog.get_logger()
CLICKS_A_MINUTE = "60/minute"


@public_pages.app_context_processor
def _frame() -> dict[str, Any]:
    return {"asks_about_usage": choice.asks, "counts_usage": choice.counts}


@public_pages.after_app_request
def _count_page(response: Response) -> Response:
    if request.endpoint in wording.PAGES:
        response.headers.add("Vary", "DNT, Sec-GPC")
        if request.method == "GET" and response.status_code == 200 and choice.counts():
            _count(HitKind.VIEW, str(request.endpoint))
    return response


def _count(kind: HitKind, page: str, click: str = "") -> None:
    seen = service.Seen(request.headers.get("User-Agent", ""), web.client_address())
    try:
        with web.heyan().counters() as session:
            service.count(session, choice.kept(cookies.USAGE), seen, kind, page, click)
    except SQLAlchemyError as error:
        # The page matters more than a figure.
        log.warning("usage_lost", kind=type(error).__name__)


@public_pages.post("/privacy/cookies/choice")
@public
def choose() -> WerkzeugResponse:
    """Take the choice: agree, or only what is necessary; both are one press (F2, S-003)."""
    limits.spend("usage_choice", limits.source(), "30/hour")
    secure = web.settings().secure_cookies
    back = web.safe_next(request.form.get("next"), url_for("policies.cookies"))
    response = make_response(redirect(back, 303))
    text = str(PURPOSES[ANALYTICS].text)
    before = choice.kept(cookies.USAGE)
    if request.form.get("usage") == "yes":
        if not service.agreed(web.session(), before):
            token = service.agree(web.session(), web.evidence(), text_shown=text)
            cookies.set_cookie(response, cookies.USAGE, token, secure=secure)
        cookies.drop_cookie(response, cookies.CHOICE, secure=secure)
    else:
        service.refuse(web.session(), before, web.evidence(), text_shown=text)
        cookies.set_cookie(response, cookies.CHOICE, choice.REFUSED, secure=secure)
        if before is not None:
            cookies.drop_cookie(response, cookies.USAGE, secure=secure)
    return response


@public_pages.post("/privacy/cookies/language")
@public
def forget_language() -> WerkzeugResponse:
    """Remove the language cookie (S-041)."""
    response = make_response(redirect(url_for("policies.cookies"), 303))
    cookies.drop_cookie(response, cookies.LANGUAGE, secure=web.settings().secure_cookies)
    return response


@public_pages.post("/usage/click")
@public
def click() -> tuple[str, int]:
    """Count a press on one of the known buttons; anything else is ignored (S-038)."""
    limits.spend("usage_click", limits.source(), CLICKS_A_MINUTE)
    page, pressed = request.form.get("page", ""), request.form.get("click", "")
    known = page in wording.PAGES and pressed in wording.CLICKS
    if known and not choice.refused_by_browser() and choice.state() == "agreed":
        _count(HitKind.CLICK, page, pressed)
    return "", 204


@staff_pages.get("")
@requires(Permission.USAGE_SEE)
def index() -> str:
    """Show sums only: by day, page, button, system and device."""
    found = service.figures(web.session())
    named = {
        title: [(wording.name_of(name), hits) for name, hits in rows]
        for title, rows in (
            (_("页面"), found.pages),
            (_("按钮"), found.clicks),
            (_("操作系统"), found.systems),
            (_("设备型号"), found.devices),
        )
    }
    days = [(f"{day.month}-{day.day:02}", hits) for day, hits in found.days]
    return render_template("usage/index.html", days=days, named=named)
