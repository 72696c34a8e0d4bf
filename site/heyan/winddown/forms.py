"""The form that proposes the end of the service."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from wtforms import DateField
from wtforms.validators import InputRequired

from heyan import clock
from heyan.forms import Form


class EndingForm(Form):
    """The last day, whole."""

    last_day = DateField(
        _l("最后一天"),
        [InputRequired(_l("请填写最后一天"))],
        description=_l("从批准之日起至少 30 天；到这一天结束时停止服务"),
    )

    @property
    def ends_at(self) -> datetime:
        """The end of that day in Shanghai."""
        return clock.midnight(self.last_day.data + timedelta(days=1))
