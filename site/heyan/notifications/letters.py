"""What a message says, in its reader's language; no page, no request.

Nothing of a person stands in it but the code or link: the site says the rest to whoever signs in.
Every message says who sends it and how to reach us by telephone (S-067).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from babel.support import Translations

from heyan.access import Realm
from heyan.notifications.wording import plain_sentence
from heyan.settings import Common

TRANSLATIONS = Path(__file__).resolve().parents[3] / "translations"


def _l(text: str) -> str:
    """Mark for translation; said in the reader's language when the message is put together."""
    return text


# Kinds of codes and links: subject, and sentences with what their params hold.
_SUBJECTS = {
    "verify_email": _l("请确认这个邮箱"),
    "verify_phone": _l("验证码"),
    "sign_in_code": _l("登录的验证码"),
    "reset_link": _l("重设密码"),
    "reset_code": _l("重设密码的验证码"),
    "email_left": _l("账号的邮箱换了"),
    "assisted_reset": _l("密码重置码"),
    "activation_code": _l("账号的激活码"),
    "freeze_code": _l("冻结账号的验证码"),
}
_BODIES = {
    "verify_email": _l(
        "有人在%(site)s的账号里填了这个邮箱。是您的话，请打开下面的链接确认，%(minutes)s 分钟内"
        "有效，只能用一次：\n\n%(link)s\n\n不是您的话，不用理会，这个邮箱不会再收到信。"
    ),
    "verify_phone": _l("验证码 %(code)s，%(minutes)s 分钟内有效。我们从不向您询问验证码。"),
    "sign_in_code": _l(
        "登录或确认身份的验证码 %(code)s，%(minutes)s 分钟内有效。我们从不向您询问验证码；"
        "不是您本人在登录的话，请马上修改密码。"
    ),
    "reset_link": _l(
        "有人请求重设您在%(site)s的密码。是您的话，请打开下面的链接设置新密码，%(minutes)s 分钟内"
        "有效，只能用一次：\n\n%(link)s\n\n不是您的话，不用理会，密码没有变化。"
    ),
    "reset_code": _l(
        "重设密码的验证码 %(code)s，%(minutes)s 分钟内有效。"
        "不是您本人在操作的话，请不要告诉任何人。"
    ),
    "assisted_reset": _l(
        "客服应您要求发出的密码重置码 %(code)s，10 分钟内有效，登录名就是这个手机号。"
        "请在 %(site)s 自己设置新密码，不要告诉任何人，客服也不会问。"
    ),
    "activation_code": _l(
        "客服应您要求开立了账号，激活码 %(code)s，14 天内有效，只能用一次。请在 %(site)s 的"
        "“激活账号”自己设置密码，不要告诉任何人，客服也不会问。"
    ),
    "freeze_code": _l("冻结账号的验证码 %(code)s，5 分钟内有效。不是您本人在操作的话，不用理会。"),
    "email_left": _l(
        "您账号的邮箱已经换掉或移除，这个邮箱不再收到信。不是您本人的话，请马上致电我们。"
    ),
}
_SUBJECT = _l("您的报名有新的进展")
_SUBJECT_SAFETY = _l("账号安全提醒")
_SIGN_IN = _l("登录后可以看到详情：%(address)s")
_CALL = _l("客服电话 %(hotline)s %(hours)s")
_WHY = _l("这封信由系统发出，请不要回复。不想再收到不必要的信，可以在“账号”里更改。")
# What follows a code stands nowhere else: SMS providers put the signature in front themselves.
_PATHS = {"verify_email": "/account/email/", "reset_link": "/account/forgotten/link/"}


@dataclass(frozen=True)
class Letter:
    """A message ready to go: ``subject`` has no line breaks, whatever was put in (C-59)."""

    subject: str
    text: str


@lru_cache(maxsize=4)
def translator(locale: str) -> Callable[[str], str]:
    """Return what puts our sentences into *locale*."""
    if locale != "en":
        return str
    found = Translations.load(str(TRANSLATIONS), ["en"])
    return found.ugettext


def letter(
    settings: Common,
    *,
    kind: str,
    params: Mapping[str, str],
    locale: str,
    realm: Realm,
    short: bool,
) -> Letter:
    """Return what a message says; *short* is an SMS: the sentence and the telephone number."""
    say = translator(locale)
    minutes = settings.message_link_minutes if kind in _PATHS else settings.message_code_minutes
    code = params.get("code", "")
    facts = {
        "site": settings.site_name,
        "minutes": str(minutes),
        "code": code,
        "link": f"{settings.base_url}{_PATHS.get(kind, '/')}{code}",
        "address": settings.base_url + "/",
        "hotline": settings.hotline,
        "hours": settings.hotline_hours,
    }
    if kind in _BODIES:
        subject, body = say(_SUBJECTS[kind]), say(_BODIES[kind]) % facts
    elif "text" in params:
        subject, body = params.get("title", say(_SUBJECT)), params["text"]
    else:
        subject = say(_SUBJECT_SAFETY if kind.startswith("account_") else _SUBJECT)
        body = plain_sentence(kind, dict(params), realm, say)
        if not short:
            body += "\n\n" + say(_SIGN_IN) % facts
    call = (say(_CALL) % facts).strip()
    text = f"{body} {call}" if short else f"{body}\n\n{settings.site_name}\n{call}\n\n{say(_WHY)}\n"
    return Letter(one_line(f"{settings.site_name}: {subject}"), text)


def one_line(text: str) -> str:
    """Return *text* without anything that could end a header or turn its direction."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") else char
        for char in text
    )
    return " ".join(kept.split())[:150]
