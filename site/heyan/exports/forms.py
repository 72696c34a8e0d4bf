"""The forms of an export: which rows, and what for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, IntegerField, SelectField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange

from heyan import clock
from heyan.approvals.requests import HOURS, LEVELS
from heyan.approvals.wording import EXPORT_PURPOSES
from heyan.exports.wording import VIEWS
from heyan.forms import Form, strip

LONGEST_HOURS = HOURS[LEVELS["export"]]
LONGEST_DAYS = 366


class ScopeForm(Form):
    """Which rows; sent by GET, so it changes nothing and needs no token."""

    class Meta(Form.Meta):
        csrf = False


class LeadsForm(ScopeForm):
    """A view of the queue of callbacks."""

    state = SelectField(
        _l("哪些登记"), choices=[(view.value, words) for view, words in VIEWS.items()]
    )


class LogForm(ScopeForm):
    """Days of the contact log, both included."""

    since = DateField(_l("从哪一天起"), [InputRequired(_l("请填写开始日期"))])
    until = DateField(_l("到哪一天为止（含当天）"), [InputRequired(_l("请填写结束日期"))])

    def validate_until(self, field: DateField) -> None:
        """The days are in order, and a year at most."""
        if self.since.data is None or field.data is None:
            return
        if field.data < self.since.data:
            raise ValidationError(_("结束日期不能早于开始日期"))
        if (field.data - self.since.data).days >= LONGEST_DAYS:
            raise ValidationError(_("一次最多导出一年，请分几次申请"))

    def period(self) -> tuple[datetime, datetime]:
        """Return the first moment and the one after the last."""
        first, last = self.since.data, self.until.data
        return clock.midnight(first), clock.midnight(last + timedelta(days=1))


class AskExportForm(Form):
    """What the list is needed for, and for how many hours."""

    purpose = SelectField(_l("目的"), choices=list(EXPORT_PURPOSES.items()))
    note = TextAreaField(
        _l("具体说明"),
        [
            DataRequired(_l("请写明要办什么事，为什么逐条查看办不了")),
            Length(max=500, message=_l("说明最多 500 个字")),
        ],
        filters=[strip],
        description=_l("批准的人凭它判断。加密保存，不写任何人的姓名"),
    )
    hours: Any = IntegerField(
        _l("需要几小时"),
        [
            InputRequired(_l("请填写小时数")),
            NumberRange(
                1, LONGEST_HOURS, _l("最少 1 小时，最多 %(hours)s 小时", hours=LONGEST_HOURS)
            ),
        ],
        default=1,
        description=_l("最少 1 小时，最多 %(hours)s 小时", hours=LONGEST_HOURS),
    )
