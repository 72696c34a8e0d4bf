"""The callback form, and the forms of the staff queue."""

from __future__ import annotations

import uuid
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    HiddenField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf, DataRequired, Length, Optional, Regexp

from heyan.forms import Form, PhoneField, strip
from heyan.leads.models import LeadOutcome

CALL_TIMES: dict[str, Any] = {
    "any": _l("都可以"),
    "morning": _l("上午"),
    "afternoon": _l("下午"),
    "evening": _l("傍晚"),
}
OUTCOMES: dict[LeadOutcome, Any] = {
    LeadOutcome.REACHED: _l("已接通，已答复"),
    LeadOutcome.REGISTERED: _l("已接通，已报名"),
    LeadOutcome.NOT_INTERESTED: _l("已接通，不需要"),
    LeadOutcome.NOT_REACHED: _l("没有接通，改日再拨"),
    LeadOutcome.DO_NOT_CONTACT: _l("要求勿再联系"),
    LeadOutcome.INVALID: _l("号码无效"),
    LeadOutcome.DUPLICATE: _l("与另一条登记合并"),
    LeadOutcome.ACCOUNT_OPENED: _l("已为对方开立账号"),
}
# These follow from an act of their own, never from the form.
_BY_ACT = {LeadOutcome.DUPLICATE, LeadOutcome.ACCOUNT_OPENED}
REASONS: dict[str, Any] = {
    "call": _l("按登记回电"),
    "correct": _l("核对或更正登记"),
    "complaint": _l("处理投诉"),
}


class LeadForm(Form):
    """Name and phone, to be called back; everything else may stay empty."""

    name = StringField(
        _l("怎么称呼您"),
        id="lead-name",
        filters=[strip],
        validators=[
            DataRequired(_l("请填写称呼，例如王女士")),
            Length(max=40, message=_l("称呼最多 40 个字")),
        ],
    )
    phone = PhoneField(_l("手机号"), id="lead-phone")
    event = SelectField(_l("想了解的项目"), id="lead-event", validate_choice=False)
    call_time = SelectField(
        _l("方便接听的时间"), id="lead-call-time", default="any", validate_choice=False
    )
    consent = BooleanField(
        _l("同意"),
        id="lead-consent",
        validators=[DataRequired(_l("请先勾选同意，我们才能用您的号码回电"))],
    )
    # Nobody sees this field; what fills it in is a program.
    website = StringField(id="lead-website")
    proof = HiddenField(id="lead-proof")
    answer = HiddenField(id="lead-answer")

    def offer(self, events: list[tuple[str, str]]) -> None:
        """Set what the two optional lists hold."""
        self.event.choices = [("", _("还没想好")), *events]
        self.call_time.choices = list(CALL_TIMES.items())


class RevealForm(Form):
    """Why a name and a number are to be seen."""

    reason = SelectField(
        _l("查看原因"),
        choices=list(REASONS.items()),
        validate_choice=False,
        validators=[AnyOf(REASONS, _l("请选择原因"))],
    )


class MergeForm(Form):
    """The other lead of the same person: its address as the browser shows it, or its id."""

    into = StringField(
        _l("另一条登记的网址"),
        filters=[strip],
        validators=[
            DataRequired(_l("请粘贴另一条登记的网址")),
            Regexp(
                r".*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/?$",
                message=_l("请打开另一条登记，把浏览器里的网址完整粘贴过来"),
            ),
        ],
    )

    @property
    def lead_id(self) -> uuid.UUID:
        """The id at the end of what was pasted."""
        return uuid.UUID((self.into.data or "").rstrip("/")[-36:])


class AssignForm(Form):
    """Who is to call; ``expected`` is who was to, when the page was made."""

    to = SelectField(_l("由谁回电"), validate_choice=False)
    expected = HiddenField()


class OutcomeForm(Form):
    """How the call ended."""

    outcome = RadioField(
        _l("结果"),
        choices=[(one.value, words) for one, words in OUTCOMES.items() if one not in _BY_ACT],
        validate_choice=False,
        validators=[
            AnyOf([one.value for one in OUTCOMES if one not in _BY_ACT], _l("请选择回电结果"))
        ],
    )
    note = TextAreaField(
        _l("备注"),
        filters=[strip],
        validators=[Optional(), Length(max=500, message=_l("备注最多 500 个字"))],
    )
