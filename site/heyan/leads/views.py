"""The callback form and its thanks page; no cookie is read or set (B1, F4)."""

from __future__ import annotations

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, limits, web
from heyan.access import public
from heyan.leads import proof, service
from heyan.leads.forms import CALL_TIMES, LeadForm
from heyan.leads.panel import Panel, panel
from heyan.leads.staff_views import staff_pages
from heyan.limits import LimitReached
from heyan.policies.service import NoPolicyInForce

__all__ = ["public_pages", "staff_pages"]

public_pages = Blueprint("leads", __name__)
# A number asks so often within a day; more than that changes nothing about its place.
REPEATS = "5/day"


@public_pages.route("/leads/new", methods=["GET", "POST"])
@public
def new() -> Response:
    """Show the form, or take a lead: no cookie, no account, no JavaScript needed."""
    if request.method != "POST":
        return _page(panel(web.reading(), event=request.args.get("event", "")), 200)
    form = LeadForm()
    shown = panel(web.reading(), form)
    if form.website.data:
        return _thanks()
    if not form.validate():
        return _page(shown, 422)
    try:
        _spend_source()
    except LimitReached as reached:
        return _page(shown, 429, wait=int(reached.retry_after))  # type: ignore[arg-type]
    if not _let_through(form):
        return _page(shown, 429, wait=web.settings().lead_wait_seconds, busy=True)
    try:
        _leave(form, shown)
    except NoPolicyInForce:
        abort(503, description=_("个人信息保护政策尚未生效，暂时不能登记；请直接致电我们。"))
    return _thanks()


@public_pages.get("/leads/thanks")
@public
def thanks() -> str:
    """Tell what happens when; nothing about the person stands in the address or on the page."""
    kept = service.keep_for(web.session(), clock.now())
    return render_template("leads/thanks.html", keep_days=kept.days)


def _thanks() -> Response:
    return redirect(url_for("leads.thanks"), 303)


def _leave(form: LeadForm, shown: Panel) -> None:
    try:
        limits.spend("lead_phone", form.phone.e164, REPEATS)
    except LimitReached:
        return
    call_time = form.call_time.data if form.call_time.data in CALL_TIMES else "any"
    service.leave_lead(
        web.session(),
        web.settings(),
        web.actor(),
        web.evidence(),
        name=form.name.data or "",
        phone=form.phone.e164,
        text_shown=shown.consent_text,
        event_slug=form.event.data or "",
        call_time=call_time,
    )


def _spend_source() -> None:
    settings = web.settings()
    limits.spend(
        "lead",
        limits.source(),
        f"{settings.lead_source_per_hour}/hour",
        f"{settings.lead_source_per_day}/day",
    )


def _let_through(form: LeadForm) -> bool:
    """Tell whether a lead may pass: below the site's rate, or with work or patience shown.

    One source never gets here often (`_spend_source` comes first), so it cannot make others work.
    """
    settings = web.settings()
    try:
        limits.spend("lead_site", "all", f"{settings.lead_site_per_minute}/minute")
    except LimitReached:
        moment = clock.now()
        challenge = proof.read(settings.secret_key, form.proof.data or "", moment)
        if challenge is None or not (
            proof.solved(challenge, form.answer.data or "")
            or proof.waited(challenge, settings.lead_wait_seconds, moment)
        ):
            return False
        try:
            limits.spend("lead_proof", challenge.salt, "1/day")
        except LimitReached:
            return False
    return True


def _page(shown: Panel, status: int, *, wait: int = 0, busy: bool = False) -> Response:
    settings = web.settings()
    challenge = (
        proof.issue(settings.secret_key, settings.lead_proof_bits, clock.now()) if busy else None
    )
    page = render_template(
        "leads/new.html",
        lead=shown,
        challenge=challenge,
        wait=limits.in_words(wait) if wait else "",
    )
    response = make_response(page, status)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
