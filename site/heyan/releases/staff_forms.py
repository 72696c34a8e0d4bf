"""What staff say about an organizer's key."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, StringField
from wtforms.validators import InputRequired, Length

from heyan.forms import Form, strip


class ConfirmRecipientForm(Form):
    """How the fingerprint was compared."""

    how = RadioField(
        _l("怎么核对的"),
        [InputRequired(_l("请选择怎么核对的"))],
        choices=[
            ("phone", _l("打协议上登记的电话，由对方读出")),
            ("in_person", _l("当面核对")),
            ("letter", _l("盖章信函")),
        ],
    )
    same = BooleanField(
        _l("对方自己读出的指纹，和本页显示的逐组一致"),
        [InputRequired(_l("指纹逐组一致才能确认；不一致请驳回"))],
    )


class RejectRecipientForm(Form):
    """Why a key is not taken."""

    reason = StringField(
        _l("驳回原因"),
        [InputRequired(_l("请写明原因")), Length(max=200, message=_l("原因最多 200 个字"))],
        filters=[strip],
        description=_l("主办单位会看到这句话"),
    )
