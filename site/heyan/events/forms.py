"""Forms with which staff describe an event. Times are typed and read in Asia/Shanghai."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, StopValidation

from heyan import clock
from heyan.classification import REGISTRY
from heyan.events.asking import FIELD_CATEGORIES
from heyan.events.editing import Problem
from heyan.events.models import DocumentKind, Event
from heyan.forms import Form, strip

KB = 1000
CHOICES_AT_MOST = 40

PROBLEMS: dict[Problem, Any] = {
    Problem.CLOSES_BEFORE_OPENING: _l("报名截止要晚于报名开始"),
    Problem.DOCUMENTS_BEFORE_CLOSING: _l("补交截止不能早于报名截止"),
    Problem.STARTS_BEFORE_CLOSING: _l("项目开始不能早于报名截止"),
    Problem.ENDS_BEFORE_START: _l("项目结束要晚于项目开始"),
    Problem.DOCUMENTS_AFTER_END: _l("补交截止不能晚于项目结束"),
    Problem.LATER_THAN_PROMISED: _l("学员已被告知材料的销毁日期，项目结束不能推迟到那一天之后"),
    Problem.CAPACITY_BELOW_SEATS: _l("名额不能少于已占用的席位"),
    Problem.FIXED: _l("发布之后，网址、编号、主办单位、类型和报名开始时间不能再改"),
    Problem.SLUG_TAKEN: _l("这个网址或标识已被使用，请换一个"),
    Problem.ORGANIZER_NOT_ACTIVE: _l("主办单位还没有获批准，或已暂停合作"),
    Problem.HIGH_RISK: _l("影响评估的结论仍是高风险：请先补充保护措施，再重新评估"),
    Problem.NO_ASSESSMENT: _l(
        "收取身份认证材料的项目要先有一份另一人确认过、没有到复查日、写明了这些材料的个人信息保护影响评估"
    ),
    Problem.AFTER_THE_SERVICE: _l("本网站在报名截止之前就停止服务，这个项目不能发布"),
    Problem.FIELD_WITHOUT_PURPOSE: _l("有问题没有写明收集目的或数据类别"),
    Problem.CLOSED_ALREADY: _l("报名截止时间已经过去，请先改期"),
}
# The field beside which a problem is shown.
PLACE = {
    Problem.CLOSES_BEFORE_OPENING: "closes_at",
    Problem.DOCUMENTS_BEFORE_CLOSING: "documents_until",
    Problem.STARTS_BEFORE_CLOSING: "starts_at",
    Problem.ENDS_BEFORE_START: "ends_at",
    Problem.DOCUMENTS_AFTER_END: "documents_until",
    Problem.LATER_THAN_PROMISED: "ends_at",
    Problem.CAPACITY_BELOW_SEATS: "capacity",
    Problem.SLUG_TAKEN: "slug",
    Problem.ORGANIZER_NOT_ACTIVE: "organization_id",
}


def parse_moment(value: str) -> datetime:
    """Read 2026-11-24T18:00, 2026-11-24 18:00 or 2026年11月24日 18:00; raises `ValueError`."""
    text = unicodedata.normalize("NFKC", value).strip()
    found = re.fullmatch(
        r"(\d{4})(?:-|/|年)(\d{1,2})(?:-|/|月)(\d{1,2})日?[T\s]+(\d{1,2}):(\d{2})(?::\d{2})?", text
    )
    if found is None:
        raise ValueError(value)
    year, month, day, hour, minute = (int(part) for part in found.groups())
    if not 2020 <= year <= 2100:
        raise ValueError(value)
    return datetime(year, month, day, hour, minute, tzinfo=clock.SHANGHAI)


class MomentField(StringField):
    """A moment in Asia/Shanghai: what was typed is kept, ``moment`` holds it aware."""

    moment: datetime

    def __init__(self, label: Any = None, **options: Any) -> None:
        options.setdefault("render_kw", {"type": "datetime-local", "required": True})
        super().__init__(label, filters=[strip], **options)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms' signature
        if not self.data:
            raise StopValidation(_("请填写%(what)s的时间", what=self.label.text))
        try:
            self.moment = parse_moment(self.data)
        except ValueError as error:
            raise ValidationError(_("请写成 2026-11-24 18:00 这样的北京时间")) from error


def moment_text(moment: datetime) -> str:
    """Return *moment* as `MomentField` shows it."""
    return f"{clock.local(moment):%Y-%m-%dT%H:%M}"


def _text(label: Any, most: int, *, needed: Any = None, hint: Any = "", **more: Any) -> Any:
    rules: list[Any] = [InputRequired(needed)] if needed else [Optional()]
    rules.append(Length(max=most, message=_l("最多 %(max)d 个字")))
    return StringField(label, rules, filters=[strip], description=hint, render_kw=more or None)


def _area(label: Any, most: int, hint: Any = "") -> Any:
    rule = Length(max=most, message=_l("最多 %(max)d 个字"))
    return TextAreaField(label, [Optional(), rule], description=hint)


def _whole(label: Any, low: int, high: int, hint: Any = "", default: int | None = None) -> Any:
    return IntegerField(
        label,
        [Optional(), NumberRange(low, high, message=_l("请填 %(min)s 至 %(max)s 之间的整数"))],
        description=hint,
        default=default,
        render_kw={"inputmode": "numeric"},
    )


class EventForm(Form):
    """An event as people will see it."""

    organization_id = SelectField(_l("主办单位"), [InputRequired(_l("请选择主办单位"))])
    kind = RadioField(
        _l("类型"),
        [InputRequired(_l("请选择类型"))],
        choices=[("exam", _l("考试")), ("competition", _l("赛事")), ("course", _l("课程"))],
        default="exam",
    )
    title = _text(_l("名称"), 120, needed=_l("请填写项目名称"))
    title_en = _text(_l("英文名称"), 160)
    slug = StringField(
        _l("网址标识"),
        [
            InputRequired(_l("请填写网址标识")),
            Regexp(
                r"^[a-z0-9](?:[a-z0-9-]{1,78})[a-z0-9]$",
                message=_l("用 3 至 80 个小写字母、数字或连字符，头尾是字母或数字"),
            ),
        ],
        filters=[strip],
        description=_l("项目页的网址是 /events/ 加这个标识，发布后不能改"),
        render_kw={"autocapitalize": "off", "spellcheck": "false"},
    )
    number_prefix = StringField(
        _l("回执编号前缀"),
        [
            InputRequired(_l("请填写回执编号前缀")),
            Regexp(r"^[A-Z0-9]{2,8}$", message=_l("用 2 至 8 个大写字母或数字")),
        ],
        filters=[strip],
        description=_l("例如 HBKC，回执编号就是 HBKC-2026-00001"),
    )
    summary = _area(_l("一句话介绍"), 300)
    summary_en = _area(_l("一句话介绍（英文）"), 500)
    description = _area(_l("说明"), 8000, _l("空一行就是另起一段"))
    description_en = _area(_l("说明（英文）"), 12000)
    place = _text(_l("地点"), 200)
    fee = StringField(
        _l("费用（元）"),
        [Optional(), Regexp(r"^\d{1,6}(\.\d{1,2})?$", message=_l("请填金额，例如 180 或 99.50"))],
        filters=[strip],
        description=_l("不收费就留空"),
        render_kw={"inputmode": "decimal"},
    )
    capacity = _whole(_l("名额"), 1, 1_000_000, _l("不限名额就留空"))
    opens_at = MomentField(_l("报名开始"), description=_l("各个时间都是北京时间"))
    closes_at = MomentField(_l("报名截止"))
    documents_until = MomentField(
        _l("补交截止"), description=_l("被退回的材料可以重新上传到这一刻")
    )
    starts_at = MomentField(_l("项目开始"))
    ends_at = MomentField(
        _l("项目结束"), description=_l("结束之后按保存期限销毁这个项目的全部身份认证材料")
    )
    batch_every_hours = _whole(_l("每隔几小时出一批"), 1, 720, default=24)
    batch_at_documents = _whole(_l("满几份材料就出一批"), 1, 2000, default=500)

    @property
    def fee_fen(self) -> int:
        """The fee in fen."""
        yuan, _dot, cents = (self.fee.data or "0").partition(".")
        return int(yuan) * 100 + int((cents + "00")[:2])

    def fill(self, event: Event) -> None:
        """Show what *event* is now."""
        for name in ("kind", "organization_id"):
            value = getattr(event, name)
            self[name].data = value.value if name == "kind" else str(value)
        for name, shown in self._fields.items():
            if isinstance(shown, MomentField):
                shown.data = moment_text(getattr(event, name))
            elif name not in ("kind", "organization_id", "fee", "csrf_token"):
                shown.data = getattr(event, name)
        whole, cents = divmod(event.fee_fen, 100)
        self.fee.data = "" if event.fee_fen == 0 else f"{whole}.{cents:02d}".removesuffix(".00")


def say_problems(form: Form, problems: tuple[Problem, ...]) -> None:
    """Put the words of *problems* beside their fields."""
    for problem in problems:
        place = form[PLACE.get(problem, "title")]
        place.errors = [*place.errors, str(PROBLEMS[problem])]


class FieldForm(Form):
    """One question of an event."""

    label = _text(_l("问题"), 80, needed=_l("请填写问题"))
    label_en = _text(_l("问题（英文）"), 120)
    key = StringField(
        _l("标识"),
        [
            InputRequired(_l("请填写标识")),
            Regexp(
                r"^[a-z][a-z0-9_]{1,39}$",
                message=_l("用 2 至 40 个小写字母、数字或下划线，以字母开头"),
            ),
        ],
        filters=[strip],
        description=_l("批次的表格里这一列的名字"),
        render_kw={"autocapitalize": "off", "spellcheck": "false"},
    )
    input = RadioField(
        _l("怎么填"),
        choices=[
            ("text", _l("文字")),
            ("choice", _l("选择")),
            ("date", _l("日期")),
            ("number", _l("数字")),
        ],
        default="text",
    )
    choices = TextAreaField(_l("选项"), [Optional()], description=_l("一行一个，选择题才要填"))
    hint = _text(_l("提示"), 200)
    required = BooleanField(_l("必填"), default=True)
    purpose = _text(
        _l("收集目的"), 200, hint=_l("为什么需要它，会显示给学员；没有目的的问题不能发布")
    )
    category = SelectField(_l("数据类别"), validators=[Optional()])

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = [(key, REGISTRY[key].label) for key in FIELD_CATEGORIES]
        self.category.choices = [("", _("请选择")), *known]

    @property
    def options(self) -> tuple[str, ...]:
        """The choices, one a line."""
        lines = (strip(line) or "" for line in (self.choices.data or "").splitlines())
        return tuple(dict.fromkeys(line for line in lines if line))

    def validate_choices(self, _field: TextAreaField) -> None:
        """A choice needs at least two options."""
        if self.input.data != "choice":
            return
        if not 2 <= len(self.options) <= CHOICES_AT_MOST:
            raise ValidationError(_("选择题要有 2 至 %(most)s 个选项", most=CHOICES_AT_MOST))
        if any(len(option) > 80 for option in self.options):
            raise ValidationError(_("每个选项最多 80 个字"))


class KindForm(Form):
    """The specification of one document."""

    required = BooleanField(_l("必须提交"), default=True)
    marked = BooleanField(
        _l("加注用途水印"),
        default=True,
        description=_l("只有准考证上要用的证件照可以不加"),
    )
    min_kb = _whole(_l("文件最小（KB）"), 0, 20_000, default=0)
    max_kb = _whole(_l("文件最大（KB）"), 20, 20_000, default=2000)
    min_side = _whole(
        _l("原图长边至少（像素）"), 100, 10_000, _l("小于它的照片会被提醒看不清"), default=800
    )
    width = _whole(_l("成品宽（像素）"), 0, 4000, _l("不限尺寸就填 0"), default=0)
    height = _whole(_l("成品高（像素）"), 0, 4000, default=0)
    dpi = _whole(_l("分辨率（DPI）"), 0, 600, _l("不限就填 0"), default=0)
    note = _text(_l("给学员的说明"), 200)

    def __init__(self, kind: DocumentKind, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.document_kind = kind

    def validate_marked(self, field: BooleanField) -> None:
        """Only a portrait may stay clean (DESIGN 2 rule 5)."""
        if not field.data and self.document_kind is not DocumentKind.PORTRAIT:
            raise ValidationError(_("这种材料必须加注用途水印，只有证件照可以不加"))

    def validate_max_kb(self, field: IntegerField) -> None:
        """The range must leave room for an encoder to meet it."""
        if (field.data or 2000) < 2 * (self.min_kb.data or 0):
            raise ValidationError(_("最大至少是最小的两倍，否则转换出来的照片落不进这个范围"))

    def validate_height(self, field: IntegerField) -> None:
        """Width and height belong together."""
        if bool(field.data) != bool(self.width.data):
            raise ValidationError(_("宽和高要一起填，或者都填 0"))
        if field.data and (field.data < 100 or (self.width.data or 0) < 100):
            raise ValidationError(_("成品的宽和高至少 100 像素"))
