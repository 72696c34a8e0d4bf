"""Pages for owners: activate an opened account, reset, report strange hands, stop a change."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import csrf, limits, web
from heyan.access import Permission, Realm, public, requires
from heyan.accounts.entry import login_index
from heyan.accounts.errors import InvitationInvalid
from heyan.accounts.forms import in_words_refused, in_words_throttled
from heyan.accounts.pages import busy
from heyan.accounts.passwords import Overloaded, PasswordRefused
from heyan.accounts.throttle import Throttled
from heyan.assistance import changes, opening, opening_views, recovery
from heyan.assistance.forms import ActivateForm, CodeForm, FreezeForm, NewPasswordForm
from heyan.assistance.staff_views import staff_pages
from heyan.consent.purposes import ACCOUNT, PURPOSES
from heyan.forms import normalise_phone
from heyan.policies.service import NoPolicyInForce

__all__ = ["opening_views", "public_pages", "staff_pages"]
public_pages = Blueprint("assistance", __name__)
Page = str | Response | tuple[str, int]


def _spend(name: str) -> None:
    settings = web.settings()
    limits.spend(
        name,
        limits.source(),
        f"{settings.login_source_per_minute}/minute",
        f"{settings.login_source_per_hour}/hour",
    )


@public_pages.before_app_request
def _changes_due() -> None:
    """Let a new number hold from the first sign-in after its 72 hours on (B4)."""
    if request.method != "POST" or request.endpoint != "accounts.login":
        return
    try:
        phone = normalise_phone(request.form.get("phone", "")[:40])
    except ValueError:
        return
    changes.carry_out(web.session(), web.actor(), phone=phone)


@public_pages.route("/account/opened", methods=["GET", "POST"])
@public
def activate() -> Page:
    """Take the code of an account that the company opened, tell where the data came from, ask."""
    csrf.bind_to_browser()
    if request.method == "GET":
        return render_template("assistance/code.html", form=CodeForm(formdata=None))
    _spend("activate")
    form = CodeForm()
    if not form.validate():
        return render_template("assistance/code.html", form=form), 422
    try:
        told = opening.tell(web.session(), web.actor(), form.code.data or "")
    except InvitationInvalid:
        form.code.errors = [_("激活码不对、已用过或已过期，请向给您激活码的人要一个新的")]
        return render_template("assistance/code.html", form=form), 422
    full = ActivateForm()
    if "password" not in request.form:
        return _ask(ActivateForm(formdata=None, code=form.code.data), told)
    if not full.validate():
        return _ask(full, told), 422
    try:
        opening.activate(
            web.session(),
            web.settings(),
            web.actor(),
            web.evidence(),
            code=full.code.data or "",
            password=full.password.data or "",
        )
    except InvitationInvalid:
        form.code.errors = [_("激活码不对、已用过或已过期，请向给您激活码的人要一个新的")]
        return render_template("assistance/code.html", form=form), 422
    except PasswordRefused as refused:
        full.password.errors = [in_words_refused(refused, web.settings(), Realm.PUBLIC)]
        return _ask(full, told), 422
    except NoPolicyInForce:
        abort(503, description=_("个人信息保护政策还没有发布，现在不能启用账号，请稍后再试。"))
    except Overloaded:
        busy()
    return render_template("assistance/done.html", what="activated", phone=told.phone)


def _ask(form: ActivateForm, told: opening.Told) -> str:
    return render_template(
        "assistance/activate.html", form=form, told=told, consent_text=PURPOSES[ACCOUNT].text
    )


@public_pages.route("/account/reset", methods=["GET", "POST"])
@public
def reset() -> Page:
    """Set a new password against the code that went to the number on file."""
    csrf.bind_to_browser()
    form = NewPasswordForm(formdata=None) if request.method == "GET" else NewPasswordForm()
    if request.method == "GET":
        return render_template("assistance/reset.html", form=form)
    _spend("reset")
    if not form.validate():
        return render_template("assistance/reset.html", form=form), 422
    changes.carry_out(web.session(), web.actor(), phone=form.phone.e164)
    try:
        recovery.reset(
            web.session(),
            web.settings(),
            web.actor(),
            phone=form.phone.e164,
            code=form.code.data or "",
            password=form.password.data or "",
        )
    except recovery.CodeWrong:
        form.code.errors = [_("手机号和重置码对不上，或者码已用过、已过期。请联系客服重新要一个")]
    except Throttled as held:
        form.code.errors = [in_words_throttled(held.seconds)]
    except PasswordRefused as refused:
        form.password.errors = [in_words_refused(refused, web.settings(), Realm.PUBLIC)]
    except Overloaded:
        busy()
    else:
        return render_template("assistance/done.html", what="reset", phone="")
    return render_template("assistance/reset.html", form=form), 422


@public_pages.route("/account/compromised", methods=["GET", "POST"])
@public
def compromised() -> Page:
    """Report one's account as being in strange hands: one click signed in, else number and code."""
    csrf.bind_to_browser()
    here = web.login_session()
    mine = here is not None and here.realm is Realm.PUBLIC and here.complete
    if request.method == "GET":
        form = FreezeForm(formdata=None)
        return render_template("assistance/compromised.html", form=form, mine=mine, sent=False)
    if mine and here is not None and request.form.get("action") == "mine":
        try:
            recovery.freeze(web.session(), web.actor(), here.account_id, reported_by="owner")
        except (recovery.AccountUnknown, recovery.NotFrozen):
            abort(409)
        return render_template("assistance/done.html", what="frozen", phone="")
    _spend("freeze")
    form = FreezeForm()
    if not form.validate():
        page = render_template("assistance/compromised.html", form=form, mine=mine, sent=False)
        return page, 422
    if not form.code.data:
        limits.spend("freeze-code", f"phone/{_index(form.phone.e164)}", "1/minute", "5/day")
        recovery.send_freeze_code(
            web.session(), web.actor(), phone=form.phone.e164, source=limits.source()
        )
        return render_template("assistance/compromised.html", form=form, mine=False, sent=True)
    try:
        recovery.freeze_by_code(
            web.session(),
            web.settings(),
            web.actor(),
            phone=form.phone.e164,
            code=form.code.data,
        )
    except (recovery.CodeWrong, recovery.NotFrozen, recovery.AccountUnknown):
        form.code.errors = [_("手机号和验证码对不上，或者验证码已过期，请重新获取")]
    except Throttled as held:
        form.code.errors = [in_words_throttled(held.seconds)]
    else:
        return render_template("assistance/done.html", what="frozen", phone="")
    return render_template("assistance/compromised.html", form=form, mine=mine, sent=True), 422


def _index(phone: str) -> str:
    return login_index(Realm.PUBLIC, phone).hex()


@public_pages.get("/account/changes")
@requires(Permission.OWN_ENROLMENT)
def own_changes() -> Page:
    """Show what is about to change at one's account, with one button each that stops it."""
    rows = changes.underway(web.session(), web.account_id())
    return render_template("assistance/changes.html", rows=rows)


@public_pages.post("/account/changes/<uuid:change_id>/stop")
@requires(Permission.OWN_ENROLMENT)
def stop(change_id: uuid.UUID) -> Page:
    """Stop a change by one tap."""
    try:
        changes.stop(web.session(), web.actor(), web.account_id(), change_id)
    except changes.ChangeUnknown:
        abort(404)
    web.flash("success", _("已停止。账号没有变化；如果不是您提出的，请马上报告账号被盗用。"))
    return redirect(url_for("assistance.own_changes"), 303)
