"""The forms of the contact log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length, Optional, StopValidation

from heyan import clock
from heyan.contacts.models import (
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactOutcome,
    RecordingConsent,
)
from heyan.contacts.wording import (
    CHANNELS,
    CONSENTS,
    DIRECTIONS,
    KINDS,
    OUTCOMES,
    REASONS,
    WAYS,
)
from heyan.forms import Form, PhoneField, strip

_NOTE = 2000


def _choices(words: dict[Any, Any]) -> list[tuple[str, Any]]:
    return [(getattr(key, "value", key), said) for key, said in words.items()]


def _one_of(words: dict[Any, Any], message: Any) -> dict[str, Any]:
    values = [value for value, _said in _choices(words)]
    return {
        "choices": _choices(words),
        "validate_choice": False,
        "validators": [AnyOf(values, message)],
    }


class MomentField(StringField):
    """A time as ``datetime-local`` sends it, read as China's; ``moment`` is aware or None."""

    moment: datetime | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms calls it so
        if not self.data:
            return
        try:
            self.moment = datetime.strptime(self.data, "%Y-%m-%dT%H:%M").replace(
                tzinfo=clock.SHANGHAI
            )
        except ValueError as error:
            raise StopValidation(str(_l("请写成日期和时间，例如 2026-11-24 15:30"))) from error


class LaxPhoneField(PhoneField):
    """A phone number that may stay empty."""

    def pre_validate(self, form: Any) -> None:
        if (self.data or "").strip():
            super().pre_validate(form)


class EntryForm(Form):
    """One entry: who was in touch by which way, about what, and what is to follow."""

    channel = SelectField(
        _l("方式"), default="call", **_one_of(CHANNELS, _l("请选择联系方式的种类"))
    )
    direction = RadioField(
        _l("谁联系谁"),
        default=ContactDirection.INCOMING.value,
        **_one_of(DIRECTIONS, _l("请选择是谁联系谁")),
    )
    kind = SelectField(_l("性质"), default="enquiry", **_one_of(KINDS, _l("请选择性质")))
    name = StringField(
        _l("对方称呼"),
        filters=[strip],
        validators=[Length(max=40, message=_l("称呼最多 40 个字"))],
    )
    phone = LaxPhoneField(_l("对方电话"))
    reply_to = StringField(
        _l("其他联系方式"),
        filters=[strip],
        validators=[Length(max=120, message=_l("其他联系方式最多 120 个字"))],
    )
    registration = StringField(
        _l("报名编号"),
        filters=[strip],
        validators=[Length(max=24, message=_l("报名编号最多 24 个字"))],
    )
    note = TextAreaField(
        _l("内容"),
        filters=[strip],
        validators=[
            DataRequired(_l("请写下对方说了什么、我们怎么答复的")),
            Length(max=_NOTE, message=_l("内容最多 2000 个字")),
        ],
    )
    at = MomentField(_l("发生时间"), validators=[Optional()])
    due = MomentField(_l("应在此前跟进"), validators=[Optional()])
    owner = SelectField(_l("由谁跟进"), validate_choice=False)
    consent = RadioField(
        _l("通话录音"),
        default=RecordingConsent.NOT_ASKED.value,
        **_one_of(CONSENTS, _l("请选择对方对录音的意思")),
    )
    way = SelectField(
        _l("怎样取得的同意"), default="spoken", **_one_of(WAYS, _l("请选择怎样取得的同意"))
    )


class FollowUpForm(Form):
    """What was done, and who goes on until when; ``expected`` is who had it."""

    text = TextAreaField(
        _l("处理经过"),
        filters=[strip],
        validators=[Length(max=_NOTE, message=_l("处理经过最多 2000 个字"))],
    )
    kind = SelectField(_l("性质"), **_one_of(KINDS, _l("请选择性质")))
    state = SelectField(
        _l("状态"),
        choices=[("open", _l("处理中")), ("waiting", _l("等待答复"))],
        validate_choice=False,
        validators=[AnyOf(["open", "waiting"], _l("请选择状态"))],
    )
    owner = SelectField(_l("由谁跟进"), validate_choice=False)
    due = MomentField(_l("应在此前跟进"), validators=[DataRequired(_l("请写下一次跟进的时间"))])
    expected = HiddenField()


class CloseForm(Form):
    """How it ended: an entry is not closed without."""

    outcome = RadioField(_l("结果"), **_one_of(OUTCOMES, _l("请选择结果：没有结果不能办结")))
    result = TextAreaField(
        _l("结果说明"),
        filters=[strip],
        validators=[Length(max=_NOTE, message=_l("结果说明最多 2000 个字"))],
    )


class FeedbackForm(Form):
    """By which way the result was told."""

    by = SelectField(_l("用什么方式告诉对方的"), **_one_of(CHANNELS, _l("请选择反馈的方式")))


class ConsentForm(Form):
    """What the person said to being recorded."""

    consent = RadioField(
        _l("对方的意思"),
        **_one_of(
            {key: said for key, said in CONSENTS.items() if key.value != "not_asked"},
            _l("请选择对方是否同意录音"),
        ),
    )
    way = SelectField(
        _l("怎样取得的同意"), default="spoken", **_one_of(WAYS, _l("请选择怎样取得的同意"))
    )


class ReasonForm(Form):
    """Why an entry is to be seen in clear."""

    reason = SelectField(_l("查看原因"), **_one_of(REASONS, _l("请选择原因")))


class SearchForm(Form):
    """A person's number."""

    phone = PhoneField(_l("对方电话"), id="search-phone")


__all__ = [
    "CloseForm",
    "ConsentForm",
    "ContactChannel",
    "ContactKind",
    "ContactOutcome",
    "EntryForm",
    "FeedbackForm",
    "FollowUpForm",
    "ReasonForm",
    "SearchForm",
]
