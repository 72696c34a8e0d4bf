"""Forms of assessments and of the yearly audit of minors' data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, RadioField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from heyan import clock
from heyan.forms import Form, strip

MOST = 8000
# Nothing stands unreviewed for longer.
LONGEST = timedelta(days=2 * 365)


def _long(label: Any, hint: Any) -> TextAreaField:
    return TextAreaField(
        label,
        [InputRequired(_l("请填写这一项")), Length(max=MOST, message=_l("最多 8000 个字"))],
        filters=[strip],
        description=hint,
    )


class AssessmentForm(Form):
    """One impact assessment (PIPL 56)."""

    subject = StringField(
        _l("评估的是什么"),
        [InputRequired(_l("请写明评估的是什么")), Length(max=200, message=_l("最多 200 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )
    necessity = _long(
        _l("目的、方式和必要性"), _l("处理哪些信息，为什么合法、正当、必要；不写个人的姓名和号码")
    )
    risks = _long(_l("对个人的影响和风险"), _l("可能发生什么，对谁，有多严重"))
    measures = _long(_l("保护措施"), _l("措施是否合法、有效，与风险是否相称"))
    conclusion = _long(_l("结论"), _l("可以进行、改过之后可以进行，还是不可以"))
    residual = RadioField(
        _l("采取措施之后的风险"),
        choices=[
            ("bearable", _l("可以接受")),
            (
                "high",
                _l("仍然是高风险：不能进行，先补充措施再重新评估；政策的下一次变更按重大变更告知"),
            ),
        ],
        validators=[InputRequired(_l("请选择采取措施之后的风险"))],
    )
    review_on = DateField(
        _l("复查日期"), [InputRequired(_l("请填写复查日期"))], description=_l("最迟两年之后")
    )

    def validate_review_on(self, field: DateField) -> None:
        """A review lies ahead, and not too far."""
        today = clock.local(clock.now()).date()
        if field.data is None or not today < field.data <= today + LONGEST:
            raise ValidationError(str(_l("复查日期要在明天到两年之内")))


class MinorsForm(Form):
    """What the yearly audit found."""

    findings = _long(_l("审计发现和整改"), _l("发现了什么，怎样改，谁负责；没有问题的也写明"))
