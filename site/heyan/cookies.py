"""Every cookie this site can set (F1). A response with any other cookie fails a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class Cookie:
    """One cookie: what for, and how long it lives (seconds; None: until the browser closes)."""

    key: str
    purpose: Any
    max_age: int | None
    lifetime: Any
    same_site: str = "Lax"


SESSION = Cookie(
    "heyan_session",
    _l("登录后识别您的会话；退出登录即失效"),
    None,
    _l("关闭浏览器或会话到期为止"),
)
FORM = Cookie(
    "heyan_form",
    _l("在登录和注册页面防止他人冒用您的浏览器提交表单"),
    3600 * 12,
    _l("12 小时"),
    same_site="Strict",
)
DEVICE = Cookie(
    "heyan_device",
    _l("记住您验证过的设备，换设备时再验证一次"),
    30 * 24 * 3600,
    _l("30 天"),
)
LANGUAGE = Cookie(
    "heyan_lang",
    _l("记住您选择的语言；没有选择过就不会设置"),
    365 * 24 * 3600,
    _l("1 年"),
)
CHOICE = Cookie(
    "heyan_choice",
    _l("记住您不同意统计，半年内不再问"),
    180 * 24 * 3600,
    _l("180 天"),
)
USAGE = Cookie(
    "heyan_usage",
    _l("只在您同意统计之后设置：一个随机数，用来不重复计数；不同意或撤回时随即删除"),
    180 * 24 * 3600,
    _l("180 天"),
)

COOKIES: tuple[Cookie, ...] = (SESSION, FORM, DEVICE, LANGUAGE, CHOICE, USAGE)


def cookie_name(cookie: Cookie, *, secure: bool) -> str:
    """Return the name on the wire: ``__Host-`` wherever the site is served over TLS."""
    return f"__Host-{cookie.key}" if secure else cookie.key


def set_cookie(response: Response, cookie: Cookie, value: str, *, secure: bool) -> None:
    """Set *cookie*; nothing personal ever stands in *value*."""
    response.set_cookie(
        cookie_name(cookie, secure=secure),
        value,
        max_age=cookie.max_age,
        path="/",
        secure=secure,
        httponly=True,
        samesite=cookie.same_site,
    )


def drop_cookie(response: Response, cookie: Cookie, *, secure: bool) -> None:
    """Remove *cookie* from the browser."""
    response.delete_cookie(
        cookie_name(cookie, secure=secure),
        path="/",
        secure=secure,
        httponly=True,
        samesite=cookie.same_site,
    )
