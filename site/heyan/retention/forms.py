"""Forms of holds and of authorities' orders."""

from __future__ import annotations

import uuid
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, RadioField, SelectField, StringField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from heyan import clock
from heyan.forms import Form, strip
from heyan.retention.models import HoldSubject
from heyan.retention.wording import KINDS

MOST_ACCOUNTS = 50


class OrderForm(Form):
    """What every order of an authority says."""

    authority = StringField(
        _l("机关名称"),
        [InputRequired(_l("请填写机关名称")), Length(max=120, message=_l("最多 120 个字"))],
        filters=[strip],
        description=_l("与文书上的印章一致"),
        render_kw={"autocomplete": "off"},
    )
    order_number = StringField(
        _l("文书编号"),
        [InputRequired(_l("请填写文书编号")), Length(max=80, message=_l("最多 80 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )
    statute = StringField(
        _l("依据的法律和条款"),
        [InputRequired(_l("请填写依据的法律和条款")), Length(max=160, message=_l("最多 160 个字"))],
        filters=[strip],
        description=_l("例如：刑事诉讼法第五十四条"),
        render_kw={"autocomplete": "off"},
    )
    scope = TextAreaField(
        _l("文书要求的范围"),
        [InputRequired(_l("请填写文书要求的范围")), Length(max=2000, message=_l("最多 2000 个字"))],
        filters=[strip],
        description=_l("只写文书写明的范围"),
    )


class HoldForm(OrderForm):
    """An order to keep something."""

    kind = SelectField(_l("要保全的是"), choices=[(one.value, KINDS[one]) for one in HoldSubject])
    subject = StringField(
        _l("它的编号"),
        [InputRequired(_l("请填写编号"))],
        filters=[strip],
        description=_l("在它的页面地址或审计记录里；36 个字符"),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    until = DateField(_l("保全到哪一天（含当天）"), [InputRequired(_l("请填写最后一天"))])

    def validate_subject(self, field: Any) -> None:
        """An id is a UUID."""
        _ids(field.data, most=1)

    def validate_until(self, field: Any) -> None:
        """The last day lies ahead."""
        if field.data and field.data < clock.local(clock.now()).date():
            raise ValidationError(_l("最后一天不能早于今天"))


class QueryForm(OrderForm):
    """An order to be given part of the archive."""

    mainland = RadioField(
        _l("发出指令的机关"),
        choices=[
            ("yes", _l("中国境内的有权机关")),
            ("no", _l("境外的司法或者执法机构")),
        ],
        validators=[InputRequired(_l("请选择发出指令的机关"))],
        description=_l(
            "未经中国主管机关批准，不向境外的司法或者执法机构提供（个人信息保护法第四十一条）"
        ),
    )
    accounts = TextAreaField(
        _l("账号的编号"),
        [InputRequired(_l("请填写编号，一行一个"))],
        filters=[strip],
        description=_l("一行一个，最多 50 个；范围以外的一份也不会取出"),
        render_kw={"spellcheck": "false"},
    )

    def validate_accounts(self, field: Any) -> None:
        """Ids are UUIDs."""
        _ids(field.data, most=MOST_ACCOUNTS)

    @property
    def ids(self) -> list[uuid.UUID]:
        """The accounts that are named."""
        return _ids(self.accounts.data, most=MOST_ACCOUNTS)


def _ids(text: str | None, *, most: int) -> list[uuid.UUID]:
    words = (text or "").split()
    if len(words) > most:
        raise ValidationError(_l("编号太多，请分几次登记"))
    try:
        return [uuid.UUID(word) for word in words]
    except ValueError as error:
        raise ValidationError(_l("编号不完整，应为 36 个字符，请从页面地址复制")) from error
