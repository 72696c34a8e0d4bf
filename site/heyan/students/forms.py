"""The form of a student's profile."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, StopValidation

from heyan import clock
from heyan.forms import Form, strip
from heyan.students.models import Relation

OLDEST = 120
RELATIONS = (
    (Relation.SELF.value, _l("本人")),
    (Relation.CHILD.value, _l("我的子女")),
    (Relation.WARD.value, _l("我监护的人")),
)


def clean_name(value: str | None) -> str | None:
    """Filter: one middle dot for the many that keyboards offer, single blanks, NFC."""
    text = strip(value)
    if text is None:
        return None
    text = unicodedata.normalize("NFC", re.sub(r"[•‧・･．∙⋅]", "·", text))
    return re.sub(r"\s+", " ", text)


def check_name(value: str) -> None:
    """Raise `ValidationError` when *value* cannot be the name on a document."""
    if not value:
        raise ValidationError(_("请填写证件上的姓名"))
    if len(value) < 2:
        raise ValidationError(_("姓名至少两个字，现在只有 %(count)s 个", count=len(value)))
    if len(value) > 50:
        raise ValidationError(_("姓名最多 50 个字，现在有 %(count)s 个", count=len(value)))
    for char in value:
        if not (char.isalpha() or unicodedata.category(char) in ("Mn", "Mc") or char in "·-'’. "):
            raise ValidationError(_("姓名里不应有「%(char)s」，请照证件填写", char=char))


def parse_day(value: str) -> date:
    """Read a day as 2012-03-04, 2012/3/4, 20120304 or 2012年3月4日; raises `ValueError`."""
    text = unicodedata.normalize("NFKC", value).strip()
    found = re.fullmatch(r"(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?", text)
    found = found or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text)
    if found is None:
        raise ValueError(value)
    year, month, day = (int(part) for part in found.groups())
    return date(year, month, day)


class DayField(StringField):
    """A day: what was typed is kept; ``day`` holds what it means."""

    day: date | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms' signature
        try:
            self.day = parse_day(self.data or "")
        except ValueError as error:
            raise StopValidation(_("请把日期写成 2012-03-04 这样")) from error


class JoinForm(Form):
    """The code from the first guardian, and whose it is."""

    code = StringField(
        _l("绑定码"),
        [InputRequired(_l("请输入绑定码")), Length(max=40, message=_l("绑定码没有这么长"))],
        filters=[strip],
        description=_l("先绑定学员的监护人给您的 12 位字母和数字，横线和大小写不影响"),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    name = StringField(
        _l("学员姓名"),
        [InputRequired(_l("请填写学员姓名")), Length(max=50, message=_l("姓名最多 50 个字"))],
        filters=[clean_name],
        description=_l("和证件上的一样"),
        render_kw={"autocomplete": "off"},
    )


class StudentForm(Form):
    """Who is to be registered."""

    name = StringField(
        _l("学员姓名"),
        filters=[clean_name],
        description=_l("照证件填写；少数民族姓名中的间隔号写作「·」"),
    )
    birth_date = DayField(_l("出生日期"), filters=[strip], description=_l("例如 2012-03-04"))
    relation = RadioField(
        _l("学员是您的"),
        choices=RELATIONS,
        validators=[InputRequired(_l("请选择学员与您的关系"))],
    )

    def validate_name(self, field: Any) -> None:
        """Check the name's characters and length."""
        check_name(field.data or "")

    def validate_birth_date(self, field: Any) -> None:
        """Check that the day is in the past and within a life."""
        today = clock.local(clock.now()).date()
        if field.day > today:
            raise ValidationError(_("出生日期在今天之后，请检查年份"))
        if field.day.year < today.year - OLDEST:
            raise ValidationError(_("出生年份太早，请检查"))

    def validate_relation(self, field: Any) -> None:
        """Keep out a value that the page did not offer."""
        if field.data not in {value for value, _label in RELATIONS}:
            raise ValidationError(_("请选择学员与您的关系"))
