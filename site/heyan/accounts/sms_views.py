"""Pages of codes by SMS: sent for a sign-in or a fresh proof, switched on and off (Q16)."""

from __future__ import annotations

from flask import abort, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import limits, web
from heyan.access import Permission, requires
from heyan.accounts import service, texted, texting
from heyan.accounts.errors import FactorNeeded, WrongCode
from heyan.accounts.forms import SmsCodeForm
from heyan.accounts.models import Account
from heyan.accounts.pages import Page, client, codes_page, common_pages, let_in, person, wanted
from heyan.classification import mask_phone
from heyan.notifications.codes import ChannelOff
from heyan.notifications.outbox import BudgetSpent

# Asking costs nothing more than a wrong code does; what goes out is counted by number and source.
ASKS_PER_HOUR = "20/hour"


@common_pages.post("/account/code/sms")
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def send_code() -> Page:
    """Send a code by SMS for the step in front of us; the answer is the same for everyone."""
    here = person()
    limits.spend("sms-code", str(here.account_id), ASKS_PER_HOUR)
    back = url_for("accounts.step_up" if here.complete else "accounts.mfa", next=wanted(here.realm))
    try:
        texted.send(
            web.session(),
            web.settings(),
            web.actor(),
            signed_in=here,
            source=limits.source(),
        )
    except BudgetSpent as spent:
        web.flash("error", too_many(spent))
        return redirect(back, 303)
    except ChannelOff:
        abort(404)
    web.flash(
        "success",
        _("验证码已发往您验证过的手机号，%(count)s 分钟内有效", count=_minutes()),
    )
    return redirect(back, 303)


def too_many(spent: BudgetSpent) -> str:
    """Return when the next SMS may go out."""
    return str(_("短信发得太频繁，请在%(wait)s后再试", wait=limits.in_words(spent.seconds)))


def _minutes() -> int:
    return web.settings().message_code_minutes


@common_pages.route("/account/sms-factor/first", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def first_sms_factor() -> Page:
    """Set up codes by SMS as the factor that a sign-in waits for."""
    here = person()
    if here.complete:
        return redirect(url_for("accounts.sms_factor", next=wanted(here.realm)))
    if service.has_factor(web.session(), here.account_id):
        return redirect(url_for("accounts.mfa", next=wanted(here.realm)))
    return _set_up("accounts.first_sms_factor")


@common_pages.route("/account/sms-factor", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def sms_factor() -> Page:
    """Switch codes by SMS on, of one's own accord."""
    return _set_up("accounts.sms_factor")


def _set_up(endpoint: str) -> Page:
    here, session, settings = person(), web.session(), web.settings()
    if not texted.may_set_up(session, settings, here):
        # Work accounts have stronger ways alone, and some sites send no SMS.
        if not here.complete:
            return redirect(url_for("accounts.authenticator", next=wanted(here.realm)))
        web.flash("info", _("这里不能用短信验证码，请用通行密钥或验证器应用"))
        return redirect(url_for("accounts.sessions"))
    form, status = SmsCodeForm(), 200
    locale = "en" if str(get_locale()).startswith("en") else "zh_CN"
    if request.method == "POST" and "send" in request.form:
        form = SmsCodeForm(formdata=None)
        try:
            texting.ask(
                session,
                settings,
                signed_in=here,
                client=client(),
                source=limits.source(),
                locale=locale,
            )
        except BudgetSpent as spent:
            form.code.errors, status = [too_many(spent)], 429
        else:
            return redirect(url_for(endpoint, sent="1", next=wanted(here.realm)), 303)
    elif request.method == "POST":
        status = 422
        if form.validate():
            try:
                done = texting.turn_on(
                    session,
                    settings,
                    signed_in=here,
                    code=form.code.data or "",
                    client=client(),
                    locale=locale,
                )
            except WrongCode:
                form.code.errors = [_("验证码不对、已过期或试得太多。请检查，或重新发一个")]
            else:
                return _switched_on(done, first=not here.complete)
    page = render_template(
        "accounts/sms_factor.html",
        form=form,
        action=url_for(endpoint),
        sent="sent" in request.args or status != 200,
        number=mask_phone(session.get_one(Account, here.account_id).login),
        held=service.factors_held(session, here.account_id),
        forced=not here.complete,
        minutes=_minutes(),
        next=wanted(here.realm),
    )
    return page, status


def _switched_on(done: service.Completed, *, first: bool) -> Response:
    next_page = wanted(person().realm) if first else url_for("accounts.sessions")
    if done.recovery_codes:
        page = codes_page(done.recovery_codes, next_page, first=first)
        return let_in(Response(page, mimetype="text/html"), done.token, done.device)
    web.flash("success", _("短信验证码已启用，下次在新设备上登录可以用它"))
    return let_in(redirect(next_page, 303), done.token, done.device)


@common_pages.route("/account/sms-factor/off", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def sms_factor_off() -> Page:
    """Switch codes by SMS off again."""
    if request.method == "GET":
        return render_template("accounts/sms_factor_off.html")
    try:
        texting.turn_off(web.session(), signed_in=person(), client=client())
    except FactorNeeded:
        return render_template("accounts/sms_factor_off.html", last=True), 409
    web.flash("success", _("短信验证码已停用"))
    return redirect(url_for("accounts.sessions"), 303)
