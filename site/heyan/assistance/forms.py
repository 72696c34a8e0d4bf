"""Forms of assistance, for staff and for the owners of accounts."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from heyan.accounts.forms import LONGEST_FIELD
from heyan.assistance.rows import MAX_ROWS, NAME_LENGTH
from heyan.forms import Form, PhoneField, strip

_PHONE = {"autocomplete": "off", "inputmode": "tel", "maxlength": "20"}
_CODE = {"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
_NEW = {"autocomplete": "new-password", "autocapitalize": "off", "spellcheck": "false"}
PROOF_WORDS = {
    "in_person": _l("本人当面办理"),
    "organizer": _l("由主办单位核实后书面转来"),
}
# Not to be chosen: set where the owner asked for a new number signed in.
ALL_PROOF_WORDS = {**PROOF_WORDS, "signed_in": _l("本人登录后在“我的信息”里提出")}
CHECK_WORDS = {
    "id_document": _l("看过身份证件原件（不留复印件，不记号码）"),
    "registration_number": _l("看过报名回执原件"),
    "organizer_letter": _l("看过主办单位盖章的说明"),
}
ALL_CHECK_WORDS = {**CHECK_WORDS, "called_back": _l("回拨登记的号码核对过")}


def _words(label: Any, most: int, needed: Any, hint: Any = "") -> Any:
    rules = [InputRequired(needed), Length(max=most, message=_l("最多 %(max)d 个字"))]
    return TextAreaField(label, rules, filters=[strip], description=hint)


class OpenForm(Form):
    """One person's account, asked for by that person."""

    phone = PhoneField(_l("手机号"), render_kw=_PHONE)
    name = StringField(
        _l("称呼"),
        [
            InputRequired(_l("请填写称呼")),
            Length(max=NAME_LENGTH, message=_l("称呼最多 %(max)d 个字")),
        ],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )
    lead = HiddenField()
    text = BooleanField(
        _l("用短信把激活码发给本人，不在这里显示"),
        description=_l("本人不在面前时用；短信只发到上面的手机号"),
    )
    asked = BooleanField(
        _l("本人（或监护人）要求代为开立，并已知道手机号用来登录"),
        [InputRequired(_l("只能按本人或监护人的要求单个开立；别人给的名单请用批量导入"))],
    )


class SourceForm(Form):
    """Where a list of people came from."""

    organization = SelectField(
        _l("哪家主办单位"),
        validators=[Optional()],
        description=_l("名单由主办单位提供时选择；它须有生效的协议"),
    )
    party = StringField(
        _l("其他来源的全称"),
        [Optional(), Length(max=120, message=_l("名称最多 120 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )
    commitment = _words(
        _l("取得同意的书面承诺"),
        500,
        _l("请写明书面承诺的名称、编号和日期"),
        _l("对方书面承诺：已征得名单上每个人（未成年人为监护人）的同意。写明文件名称、编号、日期"),
    )
    scope = _words(
        _l("同意的范围"),
        500,
        _l("请写明这些人同意把信息用于什么"),
        _l("这些人会在激活账号时看到这段话"),
    )


class ImportForm(Form):
    """A file of people, and where it came from."""

    source = SelectField(_l("名单的来源"), validators=[Optional()])
    file = FileField(
        _l("名单"),
        [FileRequired(_l("请选择名单文件"))],
        description=_l(
            "CSV 或 XLSX，最大 1 MB，最多 %(rows)s 行；第一行写“手机号”和“姓名”", rows=MAX_ROWS
        ),
        render_kw={"accept": ".csv,.xlsx"},
    )


class ImportConfirmForm(Form):
    """The rows that were shown."""

    rows = HiddenField(validators=[InputRequired()])
    source = HiddenField()


class FindForm(Form):
    """Look an account up by its number."""

    phone = PhoneField(_l("手机号"), render_kw=_PHONE)


class ResetForm(Form):
    """How the reset code goes to the owner."""

    way = RadioField(
        _l("怎样把重置码交给本人"),
        choices=[
            ("sms", _l("发短信到账号登记的号码")),
            ("callback", _l("回拨账号登记的号码，念给本人听（不能用来电）")),
        ],
        validators=[InputRequired(_l("请选择方式"))],
    )


class RevealForm(Form):
    """Why name and number are looked at."""

    reason = StringField(
        _l("查看的原因"),
        [InputRequired(_l("请写明原因")), Length(max=200, message=_l("最多 200 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )


class ChangeForm(Form):
    """A lost second factor, and what was looked at."""

    proof = RadioField(
        _l("怎样核实"),
        choices=list(PROOF_WORDS.items()),
        validators=[InputRequired(_l("请选择怎样核实"))],
    )
    checked = SelectMultipleField(
        _l("核实时看了什么"),
        [InputRequired(_l("请勾选看过的东西"))],
        choices=list(CHECK_WORDS.items()),
        description=_l("只记看了什么。不问“密保问题”，不留复印件"),
    )


class PhoneChangeForm(ChangeForm):
    """A lost number, and the new one."""

    phone = PhoneField(_l("新的手机号"), render_kw=_PHONE)


class CodeForm(Form):
    """The code from the company's sheet."""

    code = StringField(
        _l("激活码"),
        [InputRequired(_l("请输入激活码")), Length(max=40, message=_l("激活码没有这么长"))],
        filters=[strip],
        description=_l("12 位字母和数字，横线和大小写不影响"),
        render_kw={**_CODE, "autocomplete": "off"},
    )


class ActivateForm(CodeForm):
    """Code, one's own password, and consent."""

    password = PasswordField(
        _l("设置密码"),
        [InputRequired(_l("请设置密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_NEW,
    )
    consent = BooleanField(
        _l("同意"), [InputRequired(_l("请先阅读个人信息保护政策，同意后才能启用账号"))]
    )


class NewPasswordForm(Form):
    """Number, reset code and a new password."""

    phone = PhoneField(_l("手机号"), render_kw={**_PHONE, "autocomplete": "username"})
    code = StringField(
        _l("重置码"),
        [InputRequired(_l("请输入重置码")), Length(max=40, message=_l("重置码没有这么长"))],
        filters=[strip],
        description=_l("客服发到或念给您的 8 位码，10 分钟内有效"),
        render_kw=_CODE,
    )
    password = PasswordField(
        _l("新密码"),
        [InputRequired(_l("请设置新密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_NEW,
    )


class FreezeForm(Form):
    """Number, and the code that was sent to it (empty: send one)."""

    phone = PhoneField(_l("手机号"), render_kw={**_PHONE, "autocomplete": "username"})
    code = StringField(
        _l("短信验证码"),
        [Optional(), Length(max=20, message=_l("验证码没有这么长"))],
        filters=[strip],
        render_kw={**_CODE, "inputmode": "numeric"},
    )
