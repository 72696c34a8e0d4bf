"""Forms of channels and of a new password."""

from __future__ import annotations

import unicodedata

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp, ValidationError

from heyan.forms import Form, PhoneField, strip

_PASSWORD = [
    InputRequired(_l("请设置新密码")),
    Length(max=1024, message=_l("密码太长")),
]
_SIX = [InputRequired(_l("请输入验证码")), Regexp(r"^\d{6}$", message=_l("验证码是 6 位数字"))]


def plain_email(raw: str) -> str:
    """Return an address as it is sent to; `ValueError` for one that could say more than that."""
    text = unicodedata.normalize("NFKC", raw).strip()
    local, at, host = text.rpartition("@")
    bad = any(unicodedata.category(char)[0] in "CZ" or char in '()<>[]:;,\\"' for char in text)
    labels = host.split(".")
    if (
        bad
        or not at
        or not local
        or "@" in local
        or len(local) > 64
        or len(text) > 254
        or len(labels) < 2
        or any(not label or label[0] == "-" or label[-1] == "-" for label in labels)
    ):
        raise ValueError(raw)
    return f"{local}@{host.lower()}"


class EmailForm(Form):
    """An e-mail address; ``address`` is what was typed, made plain."""

    email = StringField(
        _l("邮箱"),
        [InputRequired(_l("请填写邮箱，例如 name@example.cn"))],
        filters=[strip],
        render_kw={"autocomplete": "email", "inputmode": "email", "maxlength": "254"},
    )
    address: str = ""

    def validate_email(self, field: StringField) -> None:
        """One plain address, nothing else."""
        try:
            self.address = plain_email(field.data or "")
        except ValueError as error:
            raise ValidationError(_("邮箱写得不对，应当像 name@example.cn")) from error


class PhoneCodeForm(Form):
    """The code that came by SMS."""

    code = StringField(
        _l("短信里的 6 位数字"),
        _SIX,
        filters=[strip],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": "6"},
    )


class ChoicesForm(Form):
    """Language, and whether what one may do without comes too."""

    locale = SelectField(_l("信件和短信用哪种语言"), choices=[("zh_CN", "中文"), ("en", "English")])
    wants_all = BooleanField(_l("报名的普通进展也发给我（安全提醒、退回和期限总会发）"))


class AskResetForm(Form):
    """The number whose password was forgotten."""

    phone = PhoneField(
        _l("手机号"),
        render_kw={"autocomplete": "username", "inputmode": "tel", "maxlength": "20"},
    )


class ResetByLinkForm(Form):
    """A new password."""

    password = PasswordField(_l("新密码"), _PASSWORD)


class ResetByCodeForm(ResetByLinkForm):
    """A new password and the code that allows it."""

    request_id = HiddenField(validators=[InputRequired()])
    code = StringField(
        _l("短信里的 6 位数字"),
        _SIX,
        filters=[strip],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": "6"},
    )
