"""Forms of alerts, reports, findings, rules and training."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, RadioField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length

from heyan import clock
from heyan.accounts.models import Account
from heyan.forms import Form, strip
from heyan.oversight.models import TrainingKind
from heyan.oversight.reports import LONGEST

KINDS: dict[str, Any] = {
    TrainingKind.COURSE.value: _l("培训"),
    TrainingKind.EXAM.value: _l("考试"),
}


class CloseForm(Form):
    """What was found out, or done."""

    reason = TextAreaField(
        _l("查明的情况和处理"),
        [
            DataRequired(_l("请写明查明了什么、怎样处理")),
            Length(max=300, message=_l("最多 300 个字")),
        ],
        filters=[strip],
        description=_l("不写当事人的姓名和电话"),
    )


class PeriodForm(Form):
    """The days of a report, both included."""

    class Meta(Form.Meta):
        csrf = False  # it only reads, by GET

    since = DateField(_l("从哪一天起"), [InputRequired(_l("请填写开始日期"))])
    until = DateField(_l("到哪一天为止（含当天）"), [InputRequired(_l("请填写结束日期"))])

    def validate_until(self, field: DateField) -> None:
        """The end follows the beginning, within a year."""
        if self.since.data is None or field.data is None:
            return
        if field.data < self.since.data:
            raise ValidationError(_("结束日期不能早于开始日期"))
        if field.data - self.since.data >= LONGEST:
            raise ValidationError(_("一份报告最长 366 天，请缩短期间"))

    @property
    def period(self) -> tuple[datetime, datetime]:
        """The first moment, and the first one after it."""
        since: date = self.since.data or clock.local(clock.now()).date()
        until: date = self.until.data or since
        return clock.midnight(since), clock.midnight(until + timedelta(days=1))


class _OfColleague(Form):
    def offer(self, field: SelectField, people: Iterable[Account]) -> None:
        """Let somebody of *people* be chosen."""
        field.choices = [(str(one.id), one.name or str(one.id)) for one in people]


class FindingForm(_OfColleague):
    """What was found, whose it is, until when."""

    title = StringField(
        _l("发现的问题"),
        [DataRequired(_l("请写明发现了什么问题")), Length(max=120, message=_l("最多 120 个字"))],
        filters=[strip],
    )
    description = TextAreaField(
        _l("说明和整改要求"),
        [DataRequired(_l("请写明依据和要求")), Length(max=4000, message=_l("最多 4000 个字"))],
        filters=[strip],
        description=_l("不写当事人的姓名和电话"),
    )
    owner = SelectField(_l("负责整改的人"))
    due = DateField(_l("最后一天"), [InputRequired(_l("请填写最后一天"))])

    @property
    def due_at(self) -> datetime:
        """The first moment at which it is overdue."""
        return clock.midnight((self.due.data or date.min) + timedelta(days=1))

    @property
    def owner_id(self) -> uuid.UUID:
        """Whose it is."""
        return uuid.UUID(self.owner.data)


class TrainingForm(_OfColleague):
    """Who took or passed what, and until when it counts."""

    account = SelectField(_l("员工"))
    kind = RadioField(
        _l("种类"),
        choices=list(KINDS.items()),
        validators=[AnyOf(KINDS, message=_l("请选择培训或考试"))],
    )
    passed = DateField(_l("完成或通过的日期"), [InputRequired(_l("请填写日期"))])
    until = DateField(
        _l("有效到哪一天（含当天）"),
        [InputRequired(_l("请填写日期"))],
        description=_l("最长一年"),
    )

    @property
    def passed_at(self) -> datetime:
        """The first moment of the day on which it was taken or passed."""
        return clock.midnight(self.passed.data)

    @property
    def valid_until(self) -> datetime:
        """The first moment at which it no longer counts."""
        return clock.midnight(self.until.data + timedelta(days=1))


class RuleForm(Form):
    """The next version of a rule of the house."""

    title = StringField(
        _l("制度名称"),
        [DataRequired(_l("请填写制度名称")), Length(max=80, message=_l("最多 80 个字"))],
        filters=[strip],
        description=_l("与已有制度同名的，成为它的新版本"),
    )
    words = TextAreaField(
        _l("全文"),
        [DataRequired(_l("请填写全文")), Length(max=40000, message=_l("最多 40000 个字"))],
        filters=[strip],
    )
    due = DateField(
        _l("最迟哪一天确认"),
        [InputRequired(_l("请填写日期"))],
        description=_l("过了这一天还没有确认的人，不能查看敏感信息"),
    )

    def validate_due(self, field: DateField) -> None:
        """Nobody is late before they could read it."""
        if field.data is not None and field.data < clock.local(clock.now()).date():
            raise ValidationError(_("这一天已经过了"))
