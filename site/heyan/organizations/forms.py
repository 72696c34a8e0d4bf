"""Forms of organizers."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Length

from heyan.forms import Form, strip


class OrganizationForm(Form):
    """What people are told of an organizer before they agree to the hand-over."""

    name = StringField(
        _l("名称"),
        [InputRequired(_l("请填写主办单位名称")), Length(max=120, message=_l("名称最多 120 个字"))],
        filters=[strip],
        description=_l("写全称，学员在同意交出材料之前看到的就是它"),
        render_kw={"autocomplete": "off"},
    )
    contact = StringField(
        _l("联系方式"),
        [
            InputRequired(_l("请填写联系方式")),
            Length(max=200, message=_l("联系方式最多 200 个字")),
        ],
        filters=[strip],
        description=_l("部门、电话和邮箱，学员据此找到对方"),
        render_kw={"autocomplete": "off"},
    )
    processing_role = RadioField(
        _l("处理材料的身份"),
        choices=[
            ("independent", _l("独立处理者：自行决定目的和方式")),
            ("joint", _l("共同处理者：与本站共同决定")),
            ("principal", _l("委托方：本站受其委托处理")),
        ],
        default="independent",
        validators=[InputRequired(_l("请选择处理材料的身份"))],
    )
