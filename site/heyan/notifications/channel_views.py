"""Pages of channels (for every realm) and of a forgotten password (for students and parents)."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import csrf, limits, web
from heyan.access import Permission, Realm, public, requires
from heyan.accounts.forms import in_words_refused
from heyan.accounts.passwords import Overloaded, PasswordRefused
from heyan.notifications import codes, outbox, proofs
from heyan.notifications.forms import (
    AskResetForm,
    ChoicesForm,
    EmailForm,
    PhoneCodeForm,
    ResetByCodeForm,
    ResetByLinkForm,
)
from heyan.notifications.models import MessageChannel, ProofPurpose

pages = Blueprint("channels", __name__, url_prefix="/account")
reset_pages = Blueprint("resets", __name__, url_prefix="/account")

Page = str | Response | tuple[str, int]


def _locale() -> str:
    return "en" if str(get_locale()).startswith("en") else "zh_CN"


def _private(page: str, status: int = 200) -> Response:
    """A page whose address is a secret: it is neither kept nor passed on as a referrer."""
    response = make_response(page, status)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


# --- channels --------------------------------------------------------------------------------


def _channels_page(
    status: int = 200, email: EmailForm | None = None, code: PhoneCodeForm | None = None
) -> tuple[str, int]:
    here = web.login_session()
    reaches = proofs.reaches(web.session(), web.account_id())
    mail, phone = reaches.get(MessageChannel.EMAIL), reaches.get(MessageChannel.SMS)
    any_reach = mail or phone
    page = render_template(
        "notifications/channels.html",
        mail=mail,
        phone=phone,
        channels=web.settings().channels,
        has_number=here is not None and here.realm is Realm.PUBLIC,
        email_form=email or EmailForm(formdata=None),
        code_form=code or PhoneCodeForm(formdata=None),
        choices_form=ChoicesForm(formdata=None, obj=any_reach) if any_reach else None,
        sent="sent" in request.args,
        proven=here is not None and here.stepped_up(web.settings()),
    )
    return page, status


@pages.get("/channels")
@requires(Permission.OWN_ACCOUNT)
def index() -> Page:
    """Show by what the person is reached, and in which language."""
    return _channels_page()


def _too_many(spent: outbox.BudgetSpent) -> str:
    return str(_("发得太频繁，请在%(wait)s后再试", wait=limits.in_words(spent.seconds)))


@pages.route("/channels/email", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def email() -> Page:
    """Send a link to a new address; the one before stays until the link is used (C-39)."""
    if request.method == "GET":
        return redirect(url_for("channels.index"), 303)
    form = EmailForm()
    if not form.validate():
        return _channels_page(422, email=form)
    try:
        proofs.ask_email(
            web.session(),
            web.settings(),
            web.actor(),
            account_id=web.account_id(),
            email=form.address,
            source=limits.source(),
            locale=_locale(),
        )
    except codes.ChannelOff:
        abort(404)
    except outbox.BudgetSpent as spent:
        form.email.errors = [_too_many(spent)]
        return _channels_page(429, email=form)
    web.flash("success", _("确认信已发出，请在 1 小时内打开信里的链接。确认之前，原来的邮箱不变"))
    return redirect(url_for("channels.index"), 303)


@pages.route("/channels/phone", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def phone() -> Page:
    """Send a code to the account's own number."""
    if request.method == "GET":
        return redirect(url_for("channels.index"), 303)
    if web.settings().channels.count("sms") == 0 or _realm() is not Realm.PUBLIC:
        abort(404)
    form = PhoneCodeForm(formdata=None)
    try:
        proofs.ask_phone(
            web.session(),
            web.settings(),
            web.actor(),
            account_id=web.account_id(),
            source=limits.source(),
            locale=_locale(),
        )
    except outbox.BudgetSpent as spent:
        form.code.errors = [_too_many(spent)]
        return _channels_page(429, code=form)
    return redirect(url_for("channels.index", sent="1"), 303)


def _realm() -> Realm | None:
    here = web.login_session()
    return here.realm if here else None


@pages.route("/channels/phone/code", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def phone_code() -> Page:
    """Take the code."""
    if request.method == "GET":
        return redirect(url_for("channels.index", sent="1"), 303)
    form = PhoneCodeForm()
    if not form.validate():
        return _channels_page(422, code=form)
    try:
        proofs.confirm_phone(
            web.session(),
            web.settings(),
            web.actor(),
            account_id=web.account_id(),
            code=form.code.data or "",
            locale=_locale(),
        )
    except proofs.ProofInvalid:
        form.code.errors = [_("验证码不对、已过期或试得太多。请检查，或重新发一个")]
        return _channels_page(422, code=form)
    web.flash("success", _("手机号已验证，忘记密码时可以自己重设"))
    return redirect(url_for("channels.index"), 303)


@pages.post("/channels/choices")
@requires(Permission.OWN_ACCOUNT)
def choices() -> Response:
    """Set language and what is sent."""
    form = ChoicesForm()
    if form.validate():
        proofs.choose(
            web.session(),
            web.actor(),
            web.account_id(),
            locale=form.locale.data or "zh_CN",
            wants_all=bool(form.wants_all.data),
        )
        web.flash("success", _("已保存"))
    return redirect(url_for("channels.index"), 303)


@pages.route("/channels/email/remove", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, step_up=True)
def remove_email() -> Response:
    """Take the e-mail address off the account; it is told."""
    if request.method == "POST":
        proofs.remove(
            web.session(),
            web.settings(),
            web.actor(),
            web.account_id(),
            MessageChannel.EMAIL,
        )
        web.flash("success", _("邮箱已移除"))
    return redirect(url_for("channels.index"), 303)


@pages.route("/email/<token>", methods=["GET", "POST"])
@public
def confirm_email(token: str) -> Response:
    """Confirm an address; opening the link changes nothing, the button does."""
    csrf.bind_to_browser()
    if request.method == "POST":
        _slowly()
        try:
            proofs.confirm_email(web.session(), web.settings(), web.actor(), token)
        except proofs.ProofInvalid:
            return _private(render_template("notifications/link_over.html", reset=False), 410)
        return _private(render_template("notifications/email_confirmed.html"))
    if not proofs.link_is_good(web.session(), token, ProofPurpose.VERIFY):
        return _private(render_template("notifications/link_over.html", reset=False), 410)
    return _private(render_template("notifications/confirm_email.html", token=token))


def _slowly() -> None:
    settings = web.settings()
    limits.spend(
        "proofs",
        limits.source(),
        f"{settings.login_source_per_minute}/minute",
        f"{settings.login_source_per_hour}/hour",
    )


# --- a forgotten password --------------------------------------------------------------------


@reset_pages.route("/forgotten", methods=["GET", "POST"])
@public
def ask() -> Page:
    """Ask for a reset; whether the number has an account shows nowhere (C-32)."""
    csrf.bind_to_browser()
    form = AskResetForm()
    if request.method == "GET" or not form.validate():
        status = 200 if request.method == "GET" else 422
        return render_template("notifications/reset_ask.html", form=form), status
    settings = web.settings()
    limits.spend("reset", limits.source(), f"{settings.message_source_per_hour}/hour")
    limits.spend(
        "reset.number",
        form.phone.e164,
        f"{settings.message_number_per_minute}/minute",
        f"{settings.message_number_per_hour}/hour",
        f"{settings.message_number_per_day}/day",
    )
    proof_id = proofs.ask_reset(web.session(), phone=form.phone.e164, source=limits.source())
    return _code_page(ResetByCodeForm(formdata=None, request_id=str(proof_id)), 200)


def _code_page(form: ResetByCodeForm, status: int) -> tuple[str, int]:
    page = render_template(
        "notifications/reset_code.html", form=form, channels=web.settings().channels
    )
    return page, status


@reset_pages.route("/forgotten/code", methods=["GET", "POST"])
@public
def by_code() -> Page:
    """Set a new password against the code that came by SMS."""
    csrf.bind_to_browser()
    if request.method == "GET":
        return redirect(url_for("resets.ask"), 303)
    form = ResetByCodeForm()
    _slowly()
    if not form.validate():
        return _code_page(form, 422)
    try:
        proof_id = uuid.UUID(form.request_id.data)
        proofs.reset_by_code(
            web.session(),
            web.settings(),
            web.actor(),
            proof_id=proof_id,
            code=form.code.data or "",
            password=form.password.data or "",
        )
    except (proofs.ProofInvalid, ValueError):
        form.code.errors = [_("验证码不对、已过期或试得太多。请检查，或重新请求")]
        return _code_page(form, 422)
    except PasswordRefused as refused:
        form.password.errors = [in_words_refused(refused, web.settings(), Realm.PUBLIC)]
        return _code_page(form, 422)
    except Overloaded:
        abort(503, description=_("现在登录的人很多，请一分钟后再试。"))
    return render_template("notifications/reset_done.html")


@reset_pages.route("/forgotten/link/<token>", methods=["GET", "POST"])
@public
def by_link(token: str) -> Response:
    """Set a new password from the link in an e-mail; opening it uses nothing up."""
    csrf.bind_to_browser()
    form = ResetByLinkForm()
    if request.method == "GET":
        if not proofs.link_is_good(web.session(), token, ProofPurpose.RESET):
            return _private(render_template("notifications/link_over.html", reset=True), 410)
        return _link_page(form, token, 200)
    _slowly()
    if not form.validate():
        return _link_page(form, token, 422)
    try:
        proofs.reset_by_link(
            web.session(),
            web.settings(),
            web.actor(),
            token=token,
            password=form.password.data or "",
        )
    except proofs.ProofInvalid:
        return _private(render_template("notifications/link_over.html", reset=True), 410)
    except PasswordRefused as refused:
        form.password.errors = [in_words_refused(refused, web.settings(), Realm.PUBLIC)]
        return _link_page(form, token, 422)
    except Overloaded:
        abort(503, description=_("现在登录的人很多，请一分钟后再试。"))
    return _private(render_template("notifications/reset_done.html"))


def _link_page(form: ResetByLinkForm, token: str, status: int) -> Response:
    return _private(
        render_template("notifications/reset_link.html", form=form, token=token), status
    )
