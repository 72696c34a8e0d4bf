"""A person's own account: sessions and history, password, authenticator, recovery codes."""

from __future__ import annotations

import uuid

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, Realm, requires
from heyan.accounts import agents, loss, service, sessions, texted, totp
from heyan.accounts.errors import FactorNeeded, ResetRefused, WrongCode, WrongPassword
from heyan.accounts.forms import (
    ChangePasswordForm,
    ConfirmForm,
    in_words_refused,
    in_words_throttled,
)
from heyan.accounts.models import Account
from heyan.accounts.pages import (
    Page,
    busy,
    client,
    codes_page,
    common_pages,
    let_in,
    person,
    wanted,
)
from heyan.accounts.passwords import Overloaded, PasswordRefused
from heyan.accounts.throttle import Throttled


@common_pages.get("/account/sessions", endpoint="sessions")
@requires(Permission.OWN_ACCOUNT)
def sessions_page() -> Page:
    """Show live sessions and the sign-in history (B5)."""
    here, session = person(), web.session()
    account = session.get_one(Account, here.account_id)
    held = service.factors_held(session, here.account_id)
    alone = here.realm is Realm.PUBLIC and not account.second_factor_required
    return render_template(
        "accounts/sessions.html",
        live=sessions.live(session, web.settings(), account),
        history=service.history(session, here.account_id),
        present=here.id,
        login=account.login,
        has_factor=service.has_factor(session, here.account_id),
        codes_left=service.recovery_codes_left(session, here),
        held=held,
        sms_offered=texted.may_set_up(session, web.settings(), here),
        passkeys=service.passkey_counts(session, [here.account_id]).get(here.account_id, 0),
        # By kind: another is left, or the password may stand alone.
        may_remove={kind for kind in held if held - {kind} or alone},
        lost=loss.open_for(session, here.account_id),
        notices=service.security_notices(session, here.account_id),
        browser=agents.describe,
    )


@common_pages.post("/account/sessions/<uuid:session_id>/end")
@requires(Permission.OWN_ACCOUNT)
def end_session(session_id: uuid.UUID) -> Response:
    """End one of one's own sessions."""
    if not service.end_session(web.session(), person(), session_id, client()):
        abort(404)
    web.flash("success", _("这个会话已经退出"))
    return redirect(url_for("accounts.sessions"), 303)


@common_pages.post("/account/sessions/end-others")
@requires(Permission.OWN_ACCOUNT)
def end_other_sessions() -> Response:
    """End all of one's sessions but this."""
    count = service.end_other_sessions(web.session(), person(), client())
    web.flash("success", _("已退出其他 %(count)s 个会话", count=count))
    return redirect(url_for("accounts.sessions"), 303)


@common_pages.post("/account/lost-factor/stop")
@requires(Permission.OWN_ACCOUNT)
def stop_lost_factor() -> Response:
    """Stop what somebody asked for in one's own name (C-34)."""
    try:
        loss.stop_own(web.session(), web.actor(), person().account_id)
    except ResetRefused:
        abort(404)
    web.flash("success", _("已阻止，您的第二样证明没有变化。请现在修改密码"))
    return redirect(url_for("accounts.sessions"), 303)


@common_pages.route("/account/password", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def password() -> Page:
    """Change the password against the present one."""
    here, form = person(), ChangePasswordForm()
    status, headers = 200, {}
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                token = service.change_password(
                    web.session(),
                    web.settings(),
                    signed_in=here,
                    old=form.password.data or "",
                    new=form.new_password.data or "",
                    client=client(),
                )
                web.flash("success", _("密码已修改，其他设备上的会话都已退出"))
                return let_in(redirect(url_for("accounts.sessions"), 303), token)
            except WrongPassword:
                form.password.errors = [_("现在的密码不对，请重新输入")]
            except PasswordRefused as refused:
                form.new_password.errors = [in_words_refused(refused, web.settings(), here.realm)]
            except Throttled as throttled:
                form.password.errors = [in_words_throttled(throttled.seconds)]
                status, headers = 429, {"Retry-After": str(throttled.seconds)}
            except Overloaded:
                busy()
    page = render_template("accounts/password.html", form=form, realm=here.realm.value)
    return page, status, headers


@common_pages.route("/account/authenticator", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def authenticator() -> Page:
    """Set up the authenticator that a sign-in waits for; whoever has one is asked for its code."""
    here = person()
    if service.has_factor(web.session(), here.account_id):
        if not here.complete:
            return redirect(url_for("accounts.mfa", next=wanted(here.realm)))
        return redirect(url_for("accounts.sessions"))
    if here.complete:
        # A session left open is not enough to change how the account is entered (ASVS 7.5.1).
        return redirect(url_for("accounts.replace_authenticator", next=wanted(here.realm)))
    return _set_up("accounts.authenticator")


@common_pages.route("/account/authenticator/replace", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def replace_authenticator() -> Page:
    """Set one up of one's own accord, or move to a new phone: the old one is good until then."""
    return _set_up("accounts.replace_authenticator")


def _set_up(endpoint: str) -> Page:
    here, form = person(), ConfirmForm()
    secret = service.set_up_totp(web.session(), web.settings(), here)
    status, headers = 200, {}
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                done = service.confirm_totp(
                    web.session(),
                    web.settings(),
                    signed_in=here,
                    code=form.code.data or "",
                    client=client(),
                )
                page = codes_page(done.recovery_codes, wanted(here.realm), first=not here.complete)
                return let_in(Response(page, mimetype="text/html"), done.token, done.device)
            except WrongCode:
                form.code.errors = [
                    _(
                        "验证码不对。请确认扫的是本页的二维码，手机时间准确，再输入应用现在显示的数字"
                    )
                ]
            except Throttled as throttled:
                form.code.errors = [in_words_throttled(throttled.seconds)]
                status, headers = 429, {"Retry-After": str(throttled.seconds)}
    account = web.session().get_one(Account, here.account_id)
    uri = totp.provisioning_uri(secret, account=account.login, issuer=web.settings().site_name)
    page = render_template(
        "accounts/authenticator.html",
        form=form,
        action=url_for(endpoint),
        qr=totp.qr_data_uri(uri),
        uri=uri,
        secret=totp.grouped(secret),
        forced=not here.complete,
        sms_offered=texted.may_set_up(web.session(), web.settings(), here),
        next=wanted(here.realm),
    )
    return page, status, headers


@common_pages.route("/account/authenticator/remove", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def remove_authenticator() -> Page:
    """Take the authenticator off where the password may stand alone."""
    if request.method == "GET":
        return render_template("accounts/remove_authenticator.html")
    try:
        service.remove_totp(web.session(), signed_in=person(), client=client())
    except FactorNeeded:
        abort(409, description=_("这个账号必须有动态验证码或通行密钥，这是最后一样，只能更换。"))
    web.flash("success", _("动态验证码已停用"))
    return redirect(url_for("accounts.sessions"), 303)


@common_pages.route("/account/recovery-codes", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def recovery_codes() -> Page:
    """Make new recovery codes; the old ones are dead from then on."""
    here = person()
    if request.method == "GET":
        left = service.recovery_codes_left(web.session(), here)
        return render_template("accounts/new_recovery_codes.html", left=left)
    try:
        codes = service.new_recovery_codes(
            web.session(), web.settings(), signed_in=here, client=client()
        )
    except FactorNeeded:
        abort(409, description=_("请先设置动态验证码或通行密钥。"))
    return codes_page(codes, url_for("accounts.sessions"), first=False)
