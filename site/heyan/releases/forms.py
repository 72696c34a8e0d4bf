"""Forms of the organizer's keys and batches."""

from __future__ import annotations

import re

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, StringField, ValidationError
from wtforms.validators import AnyOf, InputRequired, Length

from heyan.forms import Form, strip

_CODE = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
PROOF = re.compile(r"[0-9a-fA-F]{64}")


class RecipientForm(Form):
    """A public key that was made on the organizer's computer."""

    recipient = StringField(
        _l("公钥"),
        [
            InputRequired(_l("请填写以 age1 开头的公钥")),
            Length(max=100, message=_l("公钥没有这么长，请只粘贴以 age1 开头的那一行")),
        ],
        filters=[strip],
        description=_l("以 age1 开头的一行。以 AGE-SECRET-KEY 开头的是私钥，不要粘贴到任何网页里"),
        render_kw=_CODE,
    )
    purpose = RadioField(
        _l("用途"),
        choices=[
            ("primary", _l("日常密钥：平时打开批次用")),
            ("recovery", _l("备用密钥：日常密钥丢失时用，离线保管")),
        ],
        default="primary",
        validators=[InputRequired(_l("请选择用途"))],
    )

    def validate_recipient(self, field: StringField) -> None:
        """A private key is named as such: it must not stay in use."""
        if "AGE-SECRET-KEY" in (field.data or "").upper():
            field.data = ""
            raise ValidationError(
                _("这是私钥，已经离开过您的电脑，请不要再用它。请重新生成一枚，只提交公钥")
            )


class ProofForm(Form):
    """What was inside the challenge."""

    proof = StringField(
        _l("打开后得到的 64 位十六进制数"),
        [InputRequired(_l("请填写打开验证文件后得到的内容"))],
        filters=[strip],
        render_kw=_CODE,
    )

    def validate_proof(self, field: StringField) -> None:
        """Blanks and line ends do not count."""
        field.data = "".join((field.data or "").split())
        if not PROOF.fullmatch(field.data):
            raise ValidationError(
                _("应为 64 位十六进制数（0-9、a-f），现在是 %(count)s 位", count=len(field.data))
            )


class RevokeForm(Form):
    """Why a key ends."""

    reason = RadioField(
        _l("原因"),
        choices=[
            ("lost", _l("密钥文件或口令丢失")),
            ("leaked", _l("可能被别人拿到")),
            ("person_left", _l("保管的人离职或换岗")),
            ("rotation", _l("定期更换")),
        ],
        validators=[InputRequired(_l("请选择原因"))],
    )


class AcknowledgeForm(Form):
    """The manifest's digest, as the helper or `sha256sum` prints it."""

    manifest_sha256 = StringField(
        _l("清单的 SHA-256"),
        [InputRequired(_l("请填写清单的 SHA-256"))],
        filters=[strip],
        description=_l("在您的电脑上对下载的清单运行 sha256sum 得到的 64 位十六进制数"),
        render_kw=_CODE,
    )

    def validate_manifest_sha256(self, field: StringField) -> None:
        """Blanks do not count, nor does the file's name behind the digest."""
        field.data = (field.data or "").split(" ")[0].lower()
        if not PROOF.fullmatch(field.data):
            raise ValidationError(
                _("应为 64 位十六进制数（0-9、a-f），现在是 %(count)s 位", count=len(field.data))
            )


class BuildForm(Form):
    """Which event's batch is wanted now."""

    event_id = HiddenField(validators=[InputRequired()])


class ConfirmForm(Form):
    """A button that needs a tick."""

    confirm = HiddenField(validators=[AnyOf(["yes"])])
