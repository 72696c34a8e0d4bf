"""What the pages of accounts share: blueprints, the browser in front of us, the way in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, g, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from heyan import clock, cookies, web
from heyan.access import Realm
from heyan.accounts import devices
from heyan.accounts.cli import accounts_cli
from heyan.accounts.models import Account
from heyan.accounts.service import Client
from heyan.accounts.sessions import SignedIn
from heyan.classification import mask_phone

public_pages = Blueprint("accounts_public", __name__)
staff_pages = Blueprint("staff_accounts", __name__, url_prefix="/staff")
common_pages = Blueprint("accounts", __name__, cli_group=None)
common_pages.cli.add_command(accounts_cli)

Page = str | Response | tuple[Any, int] | tuple[Any, int, dict[str, str]]
DOORS = {
    Realm.PUBLIC: "accounts.login",
    Realm.ORGANIZER: "accounts.organizer_login",
    Realm.STAFF: "accounts.staff_login",
}
HOMES = {
    Realm.PUBLIC: "registrations.index",
    Realm.ORGANIZER: "releases.home",
    Realm.STAFF: "staff.home",
}
ROLE_NAMES = {
    "student": _l("学员账号"),
    "organizer_member": _l("成员"),
    "organizer_owner": _l("负责人"),
    "service": _l("客服"),
    "operations": _l("运营"),
    "privacy_officer": _l("个人信息保护负责人"),
    "administrator": _l("管理员"),
    "auditor": _l("审计"),
}


def client() -> Client:
    """Return the browser in front of us."""
    name = cookies.cookie_name(cookies.DEVICE, secure=web.settings().secure_cookies)
    tokens = devices.read_cookie(request.cookies.get(name))
    return Client(web.evidence(), web.actor(), tokens)


def person() -> SignedIn:
    """Return who is signed in; only for routes that require a permission."""
    found = web.login_session()
    if found is None:
        abort(401)
    return found


def invitation_life() -> timedelta:
    """Return how long the invitation of a colleague or an organizer's member stays good."""
    return timedelta(hours=web.settings().invitation_hours)


def need_surface(realm: Realm) -> None:
    """404 unless this process serves the surface of *realm*."""
    if realm.value not in web.settings().surfaces:
        abort(404)


def home_of(realm: Realm) -> str:
    """Return the page a person of *realm* starts on."""
    endpoint = HOMES[realm]
    return url_for(endpoint) if endpoint in current_app.view_functions else "/"


def wanted(realm: Realm) -> str:
    """Return where the person was going, else their home."""
    return web.safe_next(request.values.get("next"), home_of(realm))


def let_in(response: Response, token: str, device: str | None = None) -> Response:
    """Put the session's (new) token into *response*, and the device's if there is one."""
    secure = web.settings().secure_cookies
    g.drop_session_cookie = False
    cookies.set_cookie(response, cookies.SESSION, token, secure=secure)  # type: ignore[arg-type]
    if device is not None:
        value = devices.write_cookie(device, client().devices)
        cookies.set_cookie(response, cookies.DEVICE, value, secure=secure)  # type: ignore[arg-type]
    return response


def codes_page(codes: Sequence[str], next_page: str, *, first: bool) -> str:
    """Return the page that shows recovery codes this once, ready to be printed.

    It says which site and which account they are for: a slip of paper outlives the memory of it.
    """
    account = web.session().get_one(Account, person().account_id)
    shown = mask_phone(account.login) if account.realm is Realm.PUBLIC else masked_login(account)
    return render_template(
        "accounts/recovery_codes.html",
        codes=codes,
        next=next_page,
        first=first,
        account=shown,
        made_at=clock.now(),
        host=urlsplit(web.settings().base_url).netloc,
    )


def masked_login(account: Account) -> str:
    """Return a login name that its owner knows again and nobody else reads: its ends alone."""
    login = account.login
    return f"{login[:2]}＊＊＊{login[-1:]}" if len(login) > 4 else f"{login[:1]}＊＊＊"


def busy() -> NoReturn:
    """503: too many passwords are being checked at this moment."""
    abort(503, description=_("现在登录的人很多，请一分钟后再试。"))
