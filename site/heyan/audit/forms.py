"""What an auditor asks the trail for."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, ValidationError
from wtforms.validators import Length, Optional, Regexp

from heyan import clock
from heyan.audit.service import Wanted
from heyan.forms import Form, strip

_KINDS = (
    ("", _l("不限")),
    ("public", _l("访客")),
    ("staff", _l("员工")),
    ("organizer", _l("主办单位")),
    ("worker", _l("处理机")),
    ("operator", _l("运维命令")),
)
_OUTCOMES = (
    ("", _l("不限")),
    ("done", _l("已完成")),
    ("denied", _l("被拒绝")),
    ("failed", _l("失败")),
    ("exists", _l("已存在")),
)


class DayFilter(StringField):
    """A day in Asia/Shanghai, or nothing."""

    start: datetime | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms' signature
        if not self.data:
            return
        try:
            day = datetime.strptime(self.data, "%Y-%m-%d")  # noqa: DTZ007 - made aware below
        except ValueError as error:
            raise ValidationError(_("请写成 2026-11-24 这样的日期")) from error
        self.start = day.replace(tzinfo=clock.SHANGHAI)


class AuditFilterForm(Form):
    """Actor, act, subject and period."""

    class Meta(Form.Meta):
        csrf = False  # it only reads, by GET

    actor_kind = SelectField(_l("操作方"), choices=_KINDS, validators=[Optional()])
    actor = StringField(
        _l("操作人编号"), [Optional()], filters=[strip], render_kw={"autocomplete": "off"}
    )
    action = StringField(
        _l("操作"),
        [Optional(), Regexp(r"^[a-z_.]{1,64}$", message=_l("例如 recipients.approve"))],
        filters=[strip],
        description=_l("可以只写开头，例如 recipients"),
    )
    subject_kind = StringField(
        _l("对象类型"),
        [Optional(), Regexp(r"^[a-z_]{1,32}$", message=_l("例如 event、recipient"))],
        filters=[strip],
    )
    subject = StringField(
        _l("对象编号"),
        [Optional(), Length(max=64, message=_l("编号没有这么长"))],
        filters=[strip],
    )
    outcome = SelectField(_l("结果"), choices=_OUTCOMES, validators=[Optional()])
    since = DayFilter(_l("从哪天"), filters=[strip], render_kw={"type": "date"})
    until = DayFilter(_l("到哪天"), filters=[strip], render_kw={"type": "date"})

    def validate_actor(self, field: StringField) -> None:
        """An actor is named by id."""
        try:
            uuid.UUID(field.data)
        except ValueError as error:
            raise ValidationError(_("请填完整的编号")) from error

    @property
    def wanted(self) -> Wanted:
        """What was asked for."""
        until = self.until.start
        return Wanted(
            actor_id=uuid.UUID(self.actor.data) if self.actor.data else None,
            actor_kind=self.actor_kind.data or "",
            action=self.action.data or "",
            subject_kind=self.subject_kind.data or "",
            subject_id=self.subject.data or "",
            outcome=self.outcome.data or "",
            since=self.since.start,
            until=until + timedelta(days=1) if until else None,
        )
