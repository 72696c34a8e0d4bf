"""Forms of results."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField
from wtforms.validators import InputRequired

from heyan.decisions.results import MAX_BYTES, MAX_ROWS
from heyan.forms import Form


class ResultsForm(Form):
    """A result file."""

    file = FileField(
        _l("结果文件"),
        [FileRequired(_l("请选择结果文件"))],
        description=_l(
            "CSV 或 XLSX，最大 %(size)s MB，最多 %(rows)s 行",
            size=MAX_BYTES // 1024**2,
            rows=f"{MAX_ROWS:,}",
        ),
        render_kw={
            "accept": ".csv,.xlsx,text/csv,"
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        },
    )


class ResultsConfirmForm(Form):
    """The rows that were shown, to be kept as drafts."""

    rows = HiddenField(validators=[InputRequired()])
    overwrite = BooleanField(_l("与已保存的核验不一致时，以文件为准"))
    publish = BooleanField(_l("保存后立即公布，学员马上能看到，不能再改"))


class PublishForm(Form):
    """Publish what has been drafted."""

    confirm = BooleanField(
        _l("我确认公布：学员马上能看到，不能再改"),
        [InputRequired(_l("请先勾选确认"))],
    )
