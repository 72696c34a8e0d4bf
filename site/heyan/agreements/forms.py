"""Forms of agreements."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    DateField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length

from heyan.forms import Form, strip

# Dates beyond are slips of the keyboard.
YEARS = (2000, 2100)
KIND_WORDS = {
    "organizer": _l("主办单位"),
    "logistics": _l("物流服务商"),
    "sms": _l("短信服务商"),
    "mail": _l("邮件服务商"),
    "hosting": _l("托管服务商"),
    "payment": _l("支付服务商"),
}
ROLE_WORDS = {
    "independent": _l("独立处理者：自行决定目的和方式"),
    "joint": _l("共同处理者：与本站共同决定"),
    "entrusted": _l("受托人：只按委托处理"),
}
CLAUSE_WORDS = {
    "confidentiality": _l("保密：只有办事必需的人能看到，离开之后也保密"),
    "purpose_limit": _l("目的限制：只用于约定的用途"),
    "reports_incidents": _l("发生泄露等安全事件，及时通知我们"),
    "returns_data": _l("合作结束后归还或删除，并书面确认"),
    "no_subprocessor": _l("没有登记和同意，不转交给第三方处理"),
}


class AgreementForm(Form):
    """What is written down of a signed agreement."""

    kind = SelectField(_l("对方是"), choices=list(KIND_WORDS.items()))
    # Not `Optional`, which would keep the check below from running.
    organization = SelectField(_l("主办单位"), description=_l("对方是主办单位时选择"))
    party = StringField(
        _l("服务商全称"),
        [Length(max=120, message=_l("名称最多 120 个字"))],
        filters=[strip],
        description=_l("对方是服务商时填写，与协议盖章一致"),
        render_kw={"autocomplete": "off"},
    )
    role = RadioField(
        _l("处理信息的身份"),
        choices=list(ROLE_WORDS.items()),
        default="independent",
        validators=[InputRequired(_l("请选择处理信息的身份"))],
    )
    clauses = SelectMultipleField(
        _l("协议里写明的约定"),
        choices=list(CLAUSE_WORDS.items()),
        description=_l("照协议勾选。五项齐全才能生效"),
    )
    valid_from = DateField(_l("从哪一天起有效"), [InputRequired(_l("请填写开始日期"))])
    valid_until = DateField(_l("到哪一天为止（含当天）"), [InputRequired(_l("请填写结束日期"))])
    file = FileField(
        _l("签署的协议"),
        [FileRequired(_l("请选择签署后的协议文件"))],
        description=_l("PDF，最大 5 MB。加密保存，只有合作管理的同事能下载"),
        render_kw={"accept": ".pdf,application/pdf"},
    )

    def validate_organization(self, field: SelectField) -> None:
        """An organizer's agreement names one."""
        if self.kind.data == "organizer" and not field.data:
            raise ValidationError(str(_l("请选择主办单位")))

    def validate_party(self, field: StringField) -> None:
        """A provider's agreement names it."""
        if self.kind.data != "organizer" and not field.data:
            raise ValidationError(str(_l("请填写服务商全称")))

    def validate_valid_until(self, field: DateField) -> None:
        """The end is not before the beginning, and both are years of ours."""
        for day in (self.valid_from.data, field.data):
            if day and not YEARS[0] <= day.year <= YEARS[1]:
                raise ValidationError(str(_l("请核对日期里的年份")))
        if self.valid_from.data and field.data and field.data < self.valid_from.data:
            raise ValidationError(str(_l("结束日期不能早于开始日期")))


class BreachForm(Form):
    """What a party did against its agreement."""

    happened_on = DateField(_l("发生日期"), [InputRequired(_l("请填写发生日期"))])
    what = TextAreaField(
        _l("发生了什么"),
        [
            InputRequired(_l("请写明发生了什么")),
            Length(max=2000, message=_l("最多 2000 个字")),
        ],
        filters=[strip],
        description=_l("不写个人的姓名、电话和证件号码"),
    )
    measures = TextAreaField(
        _l("采取了什么措施"),
        [
            InputRequired(_l("请写明采取了什么措施")),
            Length(max=2000, message=_l("最多 2000 个字")),
        ],
        filters=[strip],
    )


class SuspendForm(Form):
    """Why an agreement no longer counts."""

    reason = StringField(
        _l("暂停的原因"),
        [InputRequired(_l("请写明原因")), Length(max=200, message=_l("最多 200 个字"))],
        filters=[strip],
        description=_l("不写个人的姓名、电话和证件号码"),
        render_kw={"autocomplete": "off"},
    )
