"""The form in which a person decides about a flag."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectMultipleField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from heyan.forms import Form, strip
from heyan.safety.models import FlagAct, SafetyFlag
from heyan.safety.rules import ACTS
from heyan.safety.service import Line, possible


class DecisionForm(Form):
    """What is done, about whom, and why."""

    chosen = SelectMultipleField(
        _l("涉及谁"), description=_l("询问、告诉主办单位、暂缓和停止时，请勾选")
    )
    act = RadioField(
        _l("怎么办"),
        validators=[InputRequired(_l("请选择怎么办"))],
    )
    note = TextAreaField(
        _l("理由"),
        [
            DataRequired(_l("请写明理由，供本人申诉和日后核对")),
            Length(max=500, message=_l("理由最多 500 个字")),
        ],
        filters=[strip],
        description=_l("写您核对了什么、怎么判断的；不要写姓名、电话和证件号码"),
    )

    def offer(self, flag: SafetyFlag, lines: list[Line]) -> None:
        """Offer what may be done about *flag*, to whom it concerns."""
        acts = list(possible(flag.state))
        if flag.event_id is None:
            acts = [act for act in acts if act is not FlagAct.TELL]
        self.act.choices = [(act.value, str(ACTS[act])) for act in acts]
        self.chosen.choices = [
            (str(line.id), f"{line.number or '…'} {line.name} {line.phone}".strip())
            for line in lines
        ]
