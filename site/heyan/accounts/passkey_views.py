"""Pages of a person's passkeys, and the two doors they open: sign-in's second step and step-up."""

from __future__ import annotations

import uuid

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import limits, web
from heyan.access import Permission, requires
from heyan.accounts import agents, own_passkeys, passkeys, service
from heyan.accounts.errors import FactorNeeded, NotFound, PasskeyRefused, TooManyPasskeys
from heyan.accounts.forms import (
    PasskeyAnswerForm,
    PasskeyForm,
    PasskeyNameForm,
    in_words_throttled,
)
from heyan.accounts.models import Passkey, PasskeyPurpose
from heyan.accounts.pages import Page, client, codes_page, common_pages, let_in, person, wanted
from heyan.accounts.throttle import Throttled

# Far more than a person needs, far less than fills a table.
OPTIONS_PER_MINUTE = "30/minute"


@common_pages.post("/account/passkeys/options")
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def passkey_options() -> Page:
    """Return what the browser asks its authenticators, with a challenge for this session alone."""
    here = person()
    try:
        purpose = PasskeyPurpose(request.form.get("purpose", ""))
    except ValueError:
        abort(400)
    limits.spend("passkey-options", str(here.account_id), OPTIONS_PER_MINUTE)
    try:
        found = passkeys.options(web.session(), web.settings(), here, purpose)
    except PasskeyRefused:
        abort(403, description=_("这一步需要先重新验证身份，请返回上一页再试。"))
    return Response(found, mimetype="application/json")


@common_pages.get("/account/passkeys", endpoint="passkeys")
@requires(Permission.OWN_ACCOUNT)
def passkeys_page() -> Page:
    """List one's passkeys."""
    here = person()
    return render_template(
        "accounts/passkeys/index.html",
        passkeys=own_passkeys.of(web.session(), here.account_id),
        most=own_passkeys.PASSKEYS,
        has_totp=service.has_totp(web.session(), here.account_id),
    )


@common_pages.route("/account/passkeys/first", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def first_passkey() -> Page:
    """Set up the passkey that a sign-in waits for."""
    here = person()
    if here.complete:
        return redirect(url_for("accounts.new_passkey", next=wanted(here.realm)))
    if service.has_factor(web.session(), here.account_id):
        return redirect(url_for("accounts.mfa", next=wanted(here.realm)))
    return _register("accounts.first_passkey")


@common_pages.route("/account/passkeys/new", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def new_passkey() -> Page:
    """Add a passkey to an account one is signed in to."""
    return _register("accounts.new_passkey")


def _register(endpoint: str) -> Page:
    here = person()
    form = PasskeyForm(data={"name": agents.describe(request.headers.get("User-Agent", ""))})
    if request.method == "POST" and form.validate():
        try:
            done = passkeys.register(
                web.session(),
                web.settings(),
                signed_in=here,
                name=form.name.data or "",
                answer=form.answer.data or "",
                client=client(),
            )
        except PasskeyRefused:
            form.name.errors = [
                _("没有登记成功，可能等得太久，或这枚通行密钥已经登记过。请再试一次")
            ]
        except TooManyPasskeys:
            form.name.errors = [
                _("每个账号最多 %(count)s 枚，请先移除不用的", count=own_passkeys.PASSKEYS)
            ]
        else:
            return _registered(done, first=not here.complete)
    page = render_template(
        "accounts/passkeys/new.html",
        form=form,
        action=url_for(endpoint),
        forced=not here.complete,
        next=wanted(here.realm),
    )
    return page, 422 if request.method == "POST" else 200


def _registered(done: service.Completed, *, first: bool) -> Response:
    if done.recovery_codes:
        going = wanted(person().realm) if first else url_for("accounts.passkeys")
        page = codes_page(done.recovery_codes, going, first=first)
        return let_in(Response(page, mimetype="text/html"), done.token, done.device)
    web.flash("success", _("通行密钥已登记，下次登录可以用它代替动态验证码"))
    return let_in(redirect(url_for("accounts.passkeys"), 303), done.token, done.device)


@common_pages.route("/account/passkeys/<uuid:passkey_id>/rename", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def rename_passkey(passkey_id: uuid.UUID) -> Page:
    """Call one of one's passkeys something else."""
    row = _own(passkey_id)
    form = PasskeyNameForm(data={"name": row.name})
    if request.method == "POST" and form.validate():
        own_passkeys.rename(
            web.session(),
            signed_in=person(),
            passkey_id=passkey_id,
            name=form.name.data or "",
            client=client(),
        )
        web.flash("success", _("名称已修改"))
        return redirect(url_for("accounts.passkeys"), 303)
    page = render_template("accounts/passkeys/rename.html", form=form, passkey=row)
    return page, 422 if request.method == "POST" else 200


@common_pages.route("/account/passkeys/<uuid:passkey_id>/remove", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def remove_passkey(passkey_id: uuid.UUID) -> Page:
    """Take one of one's passkeys off the account."""
    row = _own(passkey_id)
    if request.method == "GET":
        return render_template("accounts/passkeys/remove.html", passkey=row)
    try:
        own_passkeys.remove(
            web.session(), signed_in=person(), passkey_id=passkey_id, client=client()
        )
    except FactorNeeded:
        abort(
            409,
            description=_(
                "这个账号登录时必须有动态验证码或通行密钥，这是最后一样。请先登记另一枚通行密钥，"
                "或设置动态验证码。"
            ),
        )
    web.flash("success", _("通行密钥已移除"))
    return redirect(url_for("accounts.passkeys"), 303)


def _own(passkey_id: uuid.UUID) -> Passkey:
    try:
        return own_passkeys.own(web.session(), person(), passkey_id)
    except NotFound:
        abort(404)


# --- the doors -------------------------------------------------------------------------------


@common_pages.post("/account/code/passkey")
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def passkey_sign_in() -> Page:
    """Complete a sign-in with a passkey."""
    here, form = person(), PasskeyAnswerForm()
    if here.complete:
        return redirect(wanted(here.realm), 303)
    if not form.validate():
        return _again("accounts.mfa")
    try:
        done = passkeys.sign_in(
            web.session(),
            web.settings(),
            signed_in=here,
            answer=form.answer.data or "",
            remember=bool(form.remember.data),
            client=client(),
        )
    except PasskeyRefused:
        return _again("accounts.mfa")
    except Throttled as throttled:
        return _slow(throttled)
    return let_in(redirect(wanted(here.realm), 303), done.token, done.device)


@common_pages.post("/account/step-up/passkey")
@requires(Permission.OWN_ACCOUNT)
def passkey_step_up() -> Page:
    """Prove oneself again with a passkey."""
    here, form = person(), PasskeyAnswerForm()
    if not form.validate():
        return _again("accounts.step_up")
    try:
        token = passkeys.step_up(
            web.session(),
            web.settings(),
            signed_in=here,
            answer=form.answer.data or "",
            client=client(),
        )
    except PasskeyRefused:
        return _again("accounts.step_up")
    except Throttled as throttled:
        return _slow(throttled)
    return let_in(redirect(wanted(here.realm), 303), token)


def _again(endpoint: str) -> Response:
    web.flash("error", _("通行密钥没有通过，可能等得太久。请再试一次，或改用动态验证码、备用码。"))
    return redirect(url_for(endpoint, next=wanted(person().realm)), 303)


def _slow(throttled: Throttled) -> Page:
    headers = {"Retry-After": str(throttled.seconds)}
    page = render_template(
        "accounts/passkeys/slow.html", words=in_words_throttled(throttled.seconds)
    )
    return page, 429, headers
