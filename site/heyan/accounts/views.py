"""The doors: register, sign in (three realms), second factor, step-up, activation, sign out."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import cookies, csrf, limits, web
from heyan.access import Permission, Realm, public, requires
from heyan.accounts import networks, own_views, passkey_views, service, sms_views, staff_views
from heyan.accounts.errors import InvitationInvalid, WrongCode, WrongCredentials, WrongPassword
from heyan.accounts.forms import (
    ActivateForm,
    CodeForm,
    NameLoginForm,
    PhoneLoginForm,
    RegisterForm,
    StepUpPasswordForm,
    in_words_refused,
    in_words_throttled,
)
from heyan.accounts.pages import (
    DOORS,
    Page,
    busy,
    client,
    common_pages,
    let_in,
    need_surface,
    person,
    public_pages,
    staff_pages,
    wanted,
)
from heyan.accounts.passwords import Overloaded, PasswordRefused
from heyan.accounts.throttle import PasswordOff, Throttled
from heyan.consent.purposes import ACCOUNT, PURPOSES
from heyan.policies.service import NoPolicyInForce

__all__ = [
    "common_pages",
    "own_views",
    "passkey_views",
    "public_pages",
    "sms_views",
    "staff_pages",
    "staff_views",
]


# --- opening an account ----------------------------------------------------------------------


@public_pages.route("/account/register", methods=["GET", "POST"])
@public
def register() -> Page:
    """Open an account; a number that has one gets the same answer (C-32)."""
    csrf.bind_to_browser()
    form = RegisterForm()
    if request.method == "GET":
        return _register_page(form, 200)
    limits.spend("register", limits.source(), f"{web.settings().register_source_per_hour}/hour")
    if not form.validate():
        return _register_page(form, 422)
    try:
        service.open_account(
            web.session(),
            web.settings(),
            phone=form.phone.e164,
            password=form.password.data or "",
            evidence=web.evidence(),
            actor=web.actor(),
        )
    except PasswordRefused as refused:
        words = in_words_refused(refused, web.settings(), Realm.PUBLIC)
        form.password.errors = [words]
        return _register_page(form, 422)
    except NoPolicyInForce:
        abort(503, description=_("个人信息保护政策尚未生效，暂时不能开立账号。"))
    except Overloaded:
        busy()
    sign_in = PhoneLoginForm(formdata=None, phone=form.phone.data)
    return _login_page(Realm.PUBLIC, sign_in, 200, registered=True)


def _register_page(form: RegisterForm, status: int) -> Page:
    page = render_template(
        "accounts/register.html",
        form=form,
        next=web.safe_next(request.values.get("next"), ""),
        consent_text=PURPOSES[ACCOUNT].text,
    )
    return page, status


# --- signing in ------------------------------------------------------------------------------


@common_pages.route("/account/login", methods=["GET", "POST"])
@public
def login() -> Page:
    """Sign in with a phone number."""
    return _door(Realm.PUBLIC)


@common_pages.route("/organizer/login", methods=["GET", "POST"])
@public
def organizer_login() -> Page:
    """Sign in as an organizer's member."""
    return _door(Realm.ORGANIZER)


@common_pages.route("/staff/login", methods=["GET", "POST"])
@public
def staff_login() -> Page:
    """Sign in as a colleague."""
    return _door(Realm.STAFF)


def _door(realm: Realm) -> Page:
    need_surface(realm)
    here = web.login_session()
    if request.method == "GET" and here is not None and here.realm is realm and here.complete:
        return redirect(wanted(realm))
    csrf.bind_to_browser()
    form = PhoneLoginForm() if realm is Realm.PUBLIC else NameLoginForm()
    if request.method == "GET":
        return _login_page(realm, form, 200)
    if not form.validate():
        return _login_page(realm, form, 422)
    settings = web.settings()
    limits.spend(
        "login",
        limits.source(),
        f"{settings.login_source_per_minute}/minute",
        f"{settings.login_source_per_hour}/hour",
    )
    if not networks.welcome(settings, realm, web.client_address()):
        service.note_wrong_network(web.session(), web.actor(), realm)
        form.password.errors = [_("请从单位的网络登录：这里不能登录工作账号")]
        return _login_page(realm, form, 403)
    try:
        entered = service.sign_in(
            web.session(),
            settings,
            realm=realm,
            login=form.login,
            password=form.password.data or "",
            client=client(),
            replacing=here,
        )
    except WrongCredentials:
        form.password.errors = [_wrong_words(realm)]
        return _login_page(realm, form, 422)
    except Throttled as throttled:
        form.password.errors = [in_words_throttled(throttled.seconds)]
        page = _login_page(realm, form, 429)
        return *page, {"Retry-After": str(throttled.seconds)}
    except PasswordOff:
        form.password.errors = [
            _("连续试错太多，密码在陌生设备上已停用。请用登录过的设备登录并修改密码，或与我们联系")
        ]
        return _login_page(realm, form, 403)
    except Overloaded:
        busy()
    ends = {"code": "accounts.mfa", "setup": "accounts.authenticator"}
    target = wanted(realm)
    if entered.owes is not None:
        target = url_for(ends[entered.owes], next=target)
    return let_in(redirect(target, 303), entered.token, entered.device)


def _wrong_words(realm: Realm) -> str:
    if realm is Realm.PUBLIC:
        return str(_("手机号或密码不对，请检查后重试"))
    return str(_("登录名或密码不对，请检查后重试"))


def _login_page(
    realm: Realm, form: Any, status: int, *, registered: bool = False
) -> tuple[str, int]:
    page = render_template(
        "accounts/login.html",
        form=form,
        realm=realm.value,
        door=url_for(DOORS[realm]),
        next=web.safe_next(request.values.get("next"), ""),
        registered=registered,
    )
    return page, status


@common_pages.route("/account/code", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def mfa() -> Page:
    """Ask for the code that completes a sign-in."""
    here = person()
    if here.complete:
        return redirect(wanted(here.realm))
    if not service.has_factor(web.session(), here.account_id):
        return redirect(url_for("accounts.authenticator", next=wanted(here.realm)))
    form = CodeForm()
    if request.method == "GET":
        return _code_page(form, 200)
    if not form.validate():
        return _code_page(form, 422)
    try:
        done = service.enter_code(
            web.session(),
            web.settings(),
            signed_in=here,
            code=form.code.data or "",
            remember=bool(form.remember.data),
            client=client(),
        )
    except WrongCode:
        form.code.errors = [_wrong_code_words()]
        return _code_page(form, 422)
    except Throttled as throttled:
        form.code.errors = [in_words_throttled(throttled.seconds)]
        return *_code_page(form, 429), {"Retry-After": str(throttled.seconds)}
    return let_in(redirect(wanted(here.realm), 303), done.token, done.device)


def _wrong_code_words() -> str:
    return str(_("验证码不对、已过期或已用过。请等应用换下一个码再输入，并检查手机时间是否准确"))


def _code_page(form: CodeForm, status: int) -> tuple[str, int]:
    here = person()
    page = render_template(
        "accounts/code.html",
        form=form,
        offer_remember=here.realm is Realm.PUBLIC and web.settings().trusted_device_days > 0,
        held=service.factors_held(web.session(), here.account_id),
        sms_works="sms" in web.settings().channels,
        next=wanted(here.realm),
    )
    return page, status


@common_pages.route("/account/step-up", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def step_up() -> Page:
    """Prove oneself again before something that matters (SECURITY 26)."""
    here = person()
    by_code = service.has_factor(web.session(), here.account_id)
    form: Any = CodeForm() if by_code else StepUpPasswordForm()
    field = form.code if by_code else form.password
    status, headers = 200, {}
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                token = service.step_up(
                    web.session(),
                    web.settings(),
                    signed_in=here,
                    secret=field.data or "",
                    client=client(),
                )
                return let_in(redirect(wanted(here.realm), 303), token)
            except WrongCode:
                field.errors = [_wrong_code_words()]
            except WrongPassword:
                field.errors = [_("密码不对，请重新输入")]
            except Throttled as throttled:
                field.errors = [in_words_throttled(throttled.seconds)]
                status, headers = 429, {"Retry-After": str(throttled.seconds)}
            except Overloaded:
                busy()
    page = render_template(
        "accounts/step_up.html",
        form=form,
        by_code=by_code,
        held=service.factors_held(web.session(), here.account_id),
        sms_works="sms" in web.settings().channels,
        next=wanted(here.realm),
    )
    return page, status, headers


# --- invitations -----------------------------------------------------------------------------


@common_pages.route("/account/activate", methods=["GET", "POST"])
@public
def activate() -> Page:
    """Use a one-time code to set a password, then go on to sign in."""
    csrf.bind_to_browser()
    form = ActivateForm()
    if request.method == "GET":
        return render_template("accounts/activate.html", form=form)
    settings = web.settings()
    limits.spend(
        "activate",
        limits.source(),
        f"{settings.login_source_per_minute}/minute",
        f"{settings.login_source_per_hour}/hour",
    )
    if not form.validate():
        return render_template("accounts/activate.html", form=form), 422
    try:
        account = service.activate(
            web.session(),
            settings,
            web.actor(),
            code=form.code.data or "",
            password=form.password.data or "",
        )
    except InvitationInvalid:
        form.code.errors = [_("激活码不对、已用过或已过期，请向邀请您的人要一个新的")]
        return render_template("accounts/activate.html", form=form), 422
    except PasswordRefused as refused:
        form.password.errors = [in_words_refused(refused, settings, Realm.STAFF)]
        return render_template("accounts/activate.html", form=form), 422
    except Overloaded:
        busy()
    return render_template(
        "accounts/activated.html", login=account.login, door=url_for(DOORS[account.realm])
    )


# --- signing out -----------------------------------------------------------------------------


@common_pages.post("/account/logout")
@requires(Permission.OWN_ACCOUNT, mfa_setup=True)
def logout() -> Response:
    """End this session and what the browser keeps of it."""
    here = person()
    service.sign_out(web.session(), here, client())
    target = "/" if here.realm is Realm.PUBLIC else url_for(DOORS[here.realm])
    response = redirect(target, 303)
    # Not "cookies": the device cookie and the language outlive a session.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    secure = web.settings().secure_cookies
    cookies.drop_cookie(response, cookies.SESSION, secure=secure)  # type: ignore[arg-type]
    return response
