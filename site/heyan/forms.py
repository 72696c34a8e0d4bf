"""The base of every form, and the fields that several features share."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import phonenumbers
from babel.support import Translations
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.i18n import messages_path

from heyan.csrf import FormCsrf
from heyan.plain import strip

__all__ = ["Form", "PhoneField", "normalise_phone", "strip"]


@lru_cache(maxsize=4)
def _library_words(locale: str) -> Any:
    return Translations.load(messages_path(), [locale], domain="wtforms")


class _Words:
    """The form library's own wordings, read once a language and not with every request."""

    def gettext(self, string: str) -> str:
        return str(_library_words(str(get_locale())).ugettext(string))

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        return str(_library_words(str(get_locale())).ungettext(singular, plural, count))


_WORDS = _Words()


def _offered(choices: Any) -> Any:
    """Return (value, words) pairs as the library's own type, which it asks for from now on."""
    if not isinstance(choices, list | tuple):
        return choices
    return [SelectChoice(*one) if isinstance(one, tuple) else one for one in choices]


class Form(FlaskForm):
    """A form with our token (`heyan.csrf`); choices are written as (value, words) pairs."""

    class Meta(FlaskForm.Meta):
        csrf = True
        csrf_class = FormCsrf
        csrf_field_name = "csrf_token"

        def bind_field(self, form: Any, unbound_field: Any, options: Any) -> Any:
            if "choices" in unbound_field.kwargs:
                options = {**options, "choices": _offered(unbound_field.kwargs["choices"])}
            return super().bind_field(form, unbound_field, options)

        def get_translations(self, form: Any) -> _Words:  # noqa: ARG002 - WTForms calls it so
            return _WORDS


def normalise_phone(raw: str) -> str:
    """Return *raw* in E.164, mainland China by default; `ValueError` with advice otherwise."""
    text = raw.strip().replace("－", "-").replace("＋", "+")
    text = "".join(str(int(char)) if char.isdigit() else char for char in text)
    digits = "".join(char for char in text if char.isdigit())
    if not digits:
        raise ValueError(_("请填写手机号，例如 13800138000"))
    mainland = not text.startswith(("+", "00")) or text.startswith(("+86", "0086"))
    if mainland:
        local = digits.removeprefix("00").removeprefix("86") if len(digits) > 11 else digits
        if len(local) != 11:
            raise ValueError(_("手机号应为 11 位，现在是 %(count)s 位", count=len(local)))
        if not (local[0] == "1" and local[1] in "3456789"):
            raise ValueError(_("手机号应以 13 至 19 开头，请检查前两位"))
        return f"+86{local}"
    try:
        parsed = phonenumbers.parse("+" + digits.removeprefix("00"), None)
    except phonenumbers.NumberParseException as error:
        raise ValueError(_("境外号码请写成 +国家码 号码，例如 +852 51234567")) from error
    if not phonenumbers.is_valid_number(parsed):
        raise ValueError(_("这个境外号码不存在，请检查国家码和位数"))
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


class PhoneField(StringField):
    """A phone number: what was typed is kept; ``e164`` holds the normalised number."""

    e164: str = ""

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms calls it so
        try:
            self.e164 = normalise_phone(self.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error
