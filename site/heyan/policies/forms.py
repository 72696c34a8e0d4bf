"""The form in which a coming version is put forward."""

from __future__ import annotations

import re

from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length

from heyan.forms import Form, strip
from heyan.policies.wording import KIND_WORDS

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]*")


class DraftForm(Form):
    """What the author of a version says of it; the text itself comes with the program."""

    version = StringField(
        _l("版本编号"),
        [
            InputRequired(message=_l("请填写版本编号，例如 1.1")),
            Length(max=24, message=_l("编号最多 24 个字符")),
        ],
        filters=[strip],
        description=_l("没有用过的编号，例如 1.1"),
        render_kw={"autocomplete": "off"},
    )
    effective = DateField(_l("从哪一天起生效"), [InputRequired(_l("请填写生效日期"))])
    changes = TextAreaField(
        _l("变更说明"),
        [
            InputRequired(message=_l("请写明变了什么，让人看得懂")),
            Length(max=2000, message=_l("最多 2000 个字")),
        ],
        filters=[strip],
        description=_l("会原样给所有人看：变了什么，为什么，对您有什么影响"),
    )
    changes_en = TextAreaField(
        _l("变更说明（英文）"),
        [Length(max=4000, message=_l("最多 4000 个字符"))],
        filters=[strip],
    )
    kinds = SelectMultipleField(
        _l("属于哪几类重大变化"),
        choices=[(kind.value, words) for kind, words in KIND_WORDS.items()],
        description=_l("一项也不属于的，不选"),
    )
    material = RadioField(
        _l("是不是重大变更"),
        choices=[
            ("yes", _l("重大：通知每一个账号，下次登录时重新征得同意")),
            ("no", _l("不重大：只在历次版本里公布")),
        ],
        validators=[InputRequired(_l("请选择是不是重大变更"))],
    )
    new_owner = StringField(
        _l("接收方的名称和联系方式"),
        [Length(max=300, message=_l("最多 300 个字"))],
        filters=[strip],
        description=_l("所有者或组织变更时必填：由谁接手，怎样联系"),
    )

    def validate_version(self, field: StringField) -> None:
        """A version's name stands in addresses."""
        if field.data and not _VERSION.fullmatch(field.data):
            raise ValidationError(str(_l("编号只用数字、字母、点和短横，例如 1.1")))
