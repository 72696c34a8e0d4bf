"""Forms of the page and of the desk. None has a field for a file (L-18)."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    DecimalField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp

from heyan import clock
from heyan.forms import Form, PhoneField, strip
from heyan.rights import wording
from heyan.rights.models import (
    DeletionGround,
    RefusalGround,
    RightsChannel,
    RightsCheck,
    RightsKind,
)
from heyan.students.forms import check_name, clean_name, parse_day

LONG = 2000


def _choices(words: dict[Any, Any], *, without: tuple[Any, ...] = ()) -> list[tuple[str, Any]]:
    return [(key.value, said) for key, said in words.items() if key not in without]


class DeleteForm(Form):
    """Which student's data is to go, and why."""

    student = RadioField(_l("删除谁的信息"), validators=[InputRequired(_l("请选择要删除谁的信息"))])
    ground = RadioField(
        _l("原因"),
        choices=_choices(wording.GROUNDS),
        validators=[InputRequired(_l("请选择原因"))],
    )

    @property
    def why(self) -> DeletionGround:
        """The chosen ground."""
        return DeletionGround(self.ground.data)


class NumberForm(Form):
    """The new number of an account."""

    phone = PhoneField(_l("新的手机号"), validators=[DataRequired(_l("请填写新的手机号"))])


class CodeForm(Form):
    """The code that came to the new number."""

    code = StringField(
        _l("新号码收到的 6 位数字"),
        validators=[Regexp(r"[0-9]{6}$", message=_l("请填写短信里的 6 位数字"))],
        filters=[strip],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": "6"},
    )


class CorrectForm(Form):
    """What is wrong, and what is right."""

    subject = RadioField(_l("要更正哪一项"), validators=[InputRequired(_l("请选择要更正的一项"))])
    wanted = StringField(
        _l("正确的内容"),
        description=_l("出生日期请写成 2012-03-04 这样"),
        filters=[strip],
        validators=[DataRequired(_l("请填写正确的内容")), Length(max=60)],
    )
    words = TextAreaField(
        _l("补充说明"), filters=[strip], validators=[Optional(), Length(max=LONG)]
    )

    value: str = ""

    def validate_wanted(self, field: StringField) -> None:
        """Check the new value as what it is to be."""
        subject, text = (self.subject.data or "").partition(":")[0], field.data or ""
        if subject == "student_birth_date":
            try:
                born = parse_day(text)
            except ValueError as error:
                raise ValidationError(_("出生日期请写成 2012-03-04 这样")) from error
            if not date(1900, 1, 1) <= born <= clock.local(clock.now()).date():
                raise ValidationError(_("请检查出生日期的年份"))
            self.value = born.isoformat()
        else:
            self.value = clean_name(text) or ""
            check_name(self.value)


class AskForm(Form):
    """A complaint, or a rule or clause that is to be explained: no account needed (S-009)."""

    kind = RadioField(
        _l("您要"),
        choices=[
            (RightsKind.EXPLAIN.value, wording.KINDS[RightsKind.EXPLAIN]),
            (RightsKind.COMPLAINT.value, wording.KINDS[RightsKind.COMPLAINT]),
        ],
        validators=[InputRequired(_l("请选择一项"))],
    )
    words = TextAreaField(
        _l("请写明问题或意见"),
        filters=[strip],
        validators=[DataRequired(_l("请写明问题或意见")), Length(max=LONG)],
    )
    reply_to = StringField(
        _l("怎样联系您"),
        description=_l("手机号或邮箱，选填。不填也可以凭编号回来看书面答复"),
        filters=[strip],
        validators=[Optional(), Length(max=120)],
    )


class StatusForm(Form):
    """A number to look the answer up with."""

    number = StringField(
        _l("编号"), filters=[strip], validators=[DataRequired(_l("请填写编号")), Length(max=40)]
    )


# --- the desk --------------------------------------------------------------------------------


class ReceiveForm(Form):
    """A request by phone, letter or visit, written down by a colleague."""

    kind = SelectField(_l("请求"), choices=_choices(wording.KINDS))
    channel = SelectField(
        _l("怎样收到的"), choices=_choices(wording.CHANNELS, without=(RightsChannel.WEB,))
    )
    phone = PhoneField(
        _l("账号登记的手机号"),
        description=_l("用来找到账号；解释规则和投诉可以不填"),
        validators=[Optional()],
    )
    purpose = SelectField(
        _l("撤回哪一项同意（仅撤回时）"),
        choices=[("", _l("不涉及")), *wording.PURPOSES.items()],
        validators=[Optional()],
    )
    ground = SelectField(
        _l("删除原因（仅删除时）"),
        choices=[("", _l("不涉及")), *_choices(wording.GROUNDS)],
        validators=[Optional()],
    )
    words = TextAreaField(
        _l("对方的要求"),
        description=_l("照对方的原话写，不写证件号码"),
        filters=[strip],
        validators=[DataRequired(_l("请写明对方的要求")), Length(max=LONG)],
    )
    reply_to = StringField(
        _l("书面答复寄到哪里"), filters=[strip], validators=[Optional(), Length(max=200)]
    )


class CheckForm(Form):
    """How it was made sure who asks."""

    how = RadioField(
        _l("怎样核对的"),
        choices=_choices(wording.CHECKS, without=(RightsCheck.SIGNED_IN, RightsCheck.NOT_NEEDED)),
        validators=[InputRequired(_l("请选择核对方式"))],
    )
    proof = TextAreaField(
        _l("核对经过"),
        description=_l(
            "写看了什么、谁看的，不抄证件号码；近亲属请求写死亡证明和亲属关系证明。办结时自动删除"
        ),
        filters=[strip],
        validators=[DataRequired(_l("请写明核对经过")), Length(max=LONG)],
    )


class AnswerForm(Form):
    """The written answer."""

    answer = TextAreaField(
        _l("书面答复"),
        filters=[strip],
        validators=[DataRequired(_l("请写明答复")), Length(max=LONG)],
    )


class RefuseForm(Form):
    """A refusal: one of the seven grounds, and the explanation that is sent."""

    ground = SelectField(_l("依据"), choices=[("", _l("请选择")), *_choices(wording.REFUSALS)])
    answer = TextAreaField(
        _l("给对方的解释"),
        # The written answer stands on the same page.
        id="refuse-answer",
        description=_l("会与救济途径一起发给对方"),
        filters=[strip],
        validators=[DataRequired(_l("请写明解释")), Length(max=LONG)],
    )

    def validate_ground(self, field: SelectField) -> None:
        """One of the seven and no other."""
        if not field.data:
            raise ValidationError(_("请选择七种情形之一；不属于这些情形的，不能拒绝"))

    @property
    def chosen(self) -> RefusalGround | None:
        """The ground, or None when there is none."""
        return RefusalGround(self.ground.data) if self.ground.data else None


class FeeForm(Form):
    """What a repeated request cost."""

    yuan = DecimalField(
        _l("费用（元）"),
        validators=[InputRequired(_l("请填写费用，例如 20")), NumberRange(min=0, max=10_000)],
    )
    record = TextAreaField(
        _l("成本记录"),
        description=_l("用了多少工时、单价多少、怎样算出"),
        filters=[strip],
        validators=[DataRequired(_l("请写明费用怎样算出")), Length(max=400)],
    )


class RevealForm(Form):
    """Why a colleague needs to see what was written."""

    reason = SelectField(
        _l("查看原因"),
        choices=[("handle", _l("办理这个请求")), ("call_back", _l("回拨核对身份"))],
    )


__all__ = [
    "AnswerForm",
    "AskForm",
    "CheckForm",
    "CorrectForm",
    "DeleteForm",
    "FeeForm",
    "ReceiveForm",
    "RefuseForm",
    "RevealForm",
    "StatusForm",
]
