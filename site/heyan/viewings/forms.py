"""Forms of a person's key on the staff."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, StringField, ValidationError
from wtforms.validators import InputRequired, Length

from heyan.forms import Form, strip


class OwnKeyForm(Form):
    """A public key that was made on this person's computer."""

    recipient = StringField(
        _l("公钥"),
        [
            InputRequired(_l("请填写以 age1 开头的公钥")),
            Length(max=100, message=_l("公钥没有这么长，请只粘贴以 age1 开头的那一行")),
        ],
        filters=[strip],
        description=_l("以 age1 开头的一行。以 AGE-SECRET-KEY 开头的是私钥，不要粘贴到任何网页里"),
        render_kw={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"},
    )

    def validate_recipient(self, field: StringField) -> None:
        """A private key is named as such: it must not stay in use."""
        if "AGE-SECRET-KEY" in (field.data or "").upper():
            field.data = ""
            raise ValidationError(
                _("这是私钥，已经离开过您的电脑，请不要再用它。请重新生成一枚，只提交公钥")
            )


class RevokeKeyForm(Form):
    """Why a key ends."""

    reason = RadioField(
        _l("原因"),
        choices=[
            ("lost", _l("密钥文件或口令丢失")),
            ("leaked", _l("可能被别人拿到")),
            ("person_left", _l("离职或换岗")),
            ("rotation", _l("定期更换")),
        ],
        validators=[InputRequired(_l("请选择原因"))],
    )


class ConfirmKeyForm(Form):
    """That the fingerprint was compared face to face."""

    same = BooleanField(
        _l("同事当面打开自己的密钥页，读出的指纹和本页显示的逐组一致"),
        [InputRequired(_l("指纹逐组一致才能确认；不一致请驳回"))],
    )
