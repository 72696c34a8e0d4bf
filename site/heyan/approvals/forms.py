"""Forms of grants and of requests for named records."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, NumberRange, Optional

from heyan.access import SCENARIOS, Role, Scenario
from heyan.accounts.pages import ROLE_NAMES
from heyan.approvals.grants import LONGEST_DAYS
from heyan.approvals.wording import PURPOSES, SCENARIO_NAMES
from heyan.forms import Form, strip

REASONS: dict[str, Any] = {
    "serve": _l("答复本人的咨询"),
    "correct": _l("核对或更正登记"),
    "complaint": _l("处理投诉"),
}


PAIRS: list[tuple[str, Any]] = [
    (
        f"{scenario.value}:{role.value}",
        _l(
            "%(scenario)s：%(role)s",
            scenario=SCENARIO_NAMES[scenario],
            role=ROLE_NAMES[role.value],
        ),
    )
    for scenario, roles in SCENARIOS.items()
    for role in Role
    if role in roles
]


class GrantForm(Form):
    """For whom, in which scenario, what for, and for how many days."""

    pair = SelectField(
        _l("职责和场景"),
        choices=PAIRS,
    )
    purpose = StringField(
        _l("目的"),
        [
            DataRequired(_l("请写明为什么需要，例如按登记回电")),
            Length(max=300, message=_l("目的最多 300 个字")),
        ],
        filters=[strip],
        description=_l("写明日常工作里为什么要看姓名和联系方式，不写任何人的姓名"),
    )
    days = IntegerField(
        _l("有效天数"),
        [
            InputRequired(_l("请填写天数")),
            NumberRange(1, LONGEST_DAYS, _l("天数在 1 到 90 之间")),
        ],
        default=LONGEST_DAYS,
        description=_l("最长 90 天，从批准时起算，到期自己失效"),
    )

    def chosen(self) -> tuple[Scenario, Role]:
        """Return the scenario and the role that were chosen."""
        scenario, _mark, role = self.pair.data.partition(":")
        return Scenario(scenario), Role(role)


class DecideForm(Form):
    """Yes or no, and why."""

    verdict = RadioField(
        _l("决定"),
        choices=[("approve", _l("批准")), ("refuse", _l("不批准"))],
        validators=[InputRequired(_l("请选择批准或不批准"))],
    )
    reason = TextAreaField(
        _l("理由"),
        [
            DataRequired(_l("请写明理由")),
            Length(max=300, message=_l("理由最多 300 个字")),
        ],
        filters=[strip],
    )

    @property
    def approved(self) -> bool:
        """Whether the answer is yes."""
        return bool(self.verdict.data == "approve")


class AskForm(Form):
    """What named records are needed for, and for how many hours."""

    scenario = SelectField(_l("使用场景"))
    purpose = SelectField(_l("目的"), choices=list(PURPOSES.items()))
    note = TextAreaField(
        _l("具体说明"),
        [
            DataRequired(_l("请写明要办什么事，为什么非看不可")),
            Length(max=500, message=_l("说明最多 500 个字")),
        ],
        filters=[strip],
        description=_l("批准的人凭它判断。加密保存"),
    )
    hours = IntegerField(
        _l("需要几小时"),
        [InputRequired(_l("请填写小时数")), Optional()],
        default=1,
    )

    def limit(self, scenarios: list[Scenario], hours: int) -> None:
        """Offer only *scenarios*, and at most so many *hours*."""
        self.scenario.choices = [(one.value, SCENARIO_NAMES[one]) for one in scenarios]
        words = _("最少 1 小时，最多 %(hours)s 小时", hours=hours)
        self.hours.description = words
        self.hours.validators = [*self.hours.validators, NumberRange(1, hours, words)]


class NumberForm(Form):
    """Whose registration."""

    number = StringField(
        _l("报名号"),
        [DataRequired(_l("请填写报名号")), Length(max=24, message=_l("报名号最多 24 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )


class RevealForm(Form):
    """Why contact data is to be seen."""

    reason = SelectField(
        _l("查看原因"),
        choices=list(REASONS.items()),
        validate_choice=False,
        validators=[AnyOf(REASONS, _l("请选择原因"))],
    )
