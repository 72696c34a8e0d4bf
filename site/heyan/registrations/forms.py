"""The forms of an enrolment, one a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Field, RadioField, SelectField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional, Regexp

from heyan.events.models import EventField
from heyan.events.wording import english, label_of
from heyan.forms import Form, PhoneField, strip
from heyan.registrations.idnumbers import Fault, NumberKind, NumberRefused, check_number
from heyan.students.forms import DayField, check_name, clean_name

PREFIX = "field_"
RADIO_AT_MOST = 5
NUMBER_LABELS = {
    NumberKind.ID_CARD: _l("居民身份证（含港澳台居民居住证）"),
    NumberKind.PASSPORT: _l("护照"),
    NumberKind.TRAVEL_PERMIT: _l("来往内地通行证"),
}
GUARDIAN_RELATIONS = (
    ("father", _l("父亲")),
    ("mother", _l("母亲")),
    ("grandparent", _l("祖父母或外祖父母")),
    ("other", _l("其他监护人")),
)


class OptionalDayField(DayField):
    """A day that may be left empty."""

    def pre_validate(self, form: Any) -> None:
        if self.data:
            super().pre_validate(form)


def _offered(item: EventField) -> list[tuple[str, str]]:
    """Return a choice's options as (value, words); options are plain words or {value, label}."""
    options = []
    for choice in item.choices:
        if isinstance(choice, dict):
            value = str(choice.get("value", ""))
            words = choice.get("label_en") if english() else None
            options.append((value, str(words or choice.get("label") or value)))
        else:
            options.append((str(choice), str(choice)))
    return options


def _build(item: EventField) -> Any:
    words = {"label": label_of(item), "description": item.hint}
    # The summary names the question: several missing ones must not read alike.
    missing = (
        _("请选择「%(label)s」", label=words["label"])
        if item.input == "choice"
        else _("请填写「%(label)s」", label=words["label"])
    )
    needed = [InputRequired(missing)] if item.required else [Optional()]
    if item.input == "choice":
        offered = _offered(item)
        if len(offered) <= RADIO_AT_MOST and item.required:
            return RadioField(choices=offered, validators=needed, **words)
        return SelectField(choices=[("", _("请选择")), *offered], validators=needed, **words)
    if item.input == "date":
        kind = DayField if item.required else OptionalDayField
        return kind(filters=[strip], validators=needed, **words)
    if item.input == "number":
        digits = Regexp(r"^-?\d{1,12}(\.\d{1,4})?$", message=_("请只填数字"))
        return StringField(
            filters=[strip],
            validators=[*needed, digits],
            render_kw={"inputmode": "decimal"},
            **words,
        )
    long = Length(max=200, message=_("最多 200 个字"))
    return StringField(filters=[strip], validators=[*needed, long], **words)


def fields_form(questions: Sequence[EventField]) -> type[Form]:
    """Return a form class with the event's own questions and nothing else (S-012)."""
    members: dict[str, Any] = {PREFIX + item.key: _build(item) for item in questions}
    return type("FieldsForm", (Form,), members)


def answers_in(form: Form) -> dict[str, str]:
    """Return the answers of a validated form by field key; days as ISO dates."""
    found: dict[str, str] = {}
    for name, field in form._fields.items():
        if name.startswith(PREFIX):
            day = getattr(field, "day", None)
            found[name.removeprefix(PREFIX)] = day.isoformat() if day else (field.data or "")
    return found


class GuardianForm(Form):
    """The guardian of a student under 14, and the guardian's own consent."""

    guardian_name = StringField(
        _l("监护人姓名"), filters=[clean_name], render_kw={"autocomplete": "name"}
    )
    guardian_relation = RadioField(
        _l("监护人是学员的"),
        choices=GUARDIAN_RELATIONS,
        validators=[InputRequired(_l("请选择监护人与学员的关系"))],
    )
    guardian_phone = PhoneField(
        _l("监护人手机号"), render_kw={"inputmode": "tel", "autocomplete": "tel"}
    )
    consent = BooleanField(
        validators=[
            InputRequired(_l("请由监护人阅读并勾选同意；不同意则不能为未满十四周岁的学员报名"))
        ]
    )

    def validate_guardian_name(self, field: Any) -> None:
        """Check the name's characters and length."""
        check_name(field.data or "")


class ConsentsForm(Form):
    """The two separate consents; neither is ever ticked beforehand."""

    identity_documents = BooleanField(
        validators=[InputRequired(_l("请阅读后勾选，或选择「不同意」"))]
    )
    hand_over = BooleanField(validators=[InputRequired(_l("请阅读后勾选，或选择「不同意」"))])


def fault_in_words(refused: NumberRefused) -> str:
    """Return what is wrong with a number, in a sentence that helps to mend it."""
    measured = refused.measured
    words = {
        Fault.EMPTY: _("请填写证件号码"),
        Fault.OLD_LENGTH: _("这是 15 位的旧号码，请填写 18 位的身份证号码"),
        Fault.LENGTH: _("身份证号码应为 18 位，现在是 %(count)s 位", count=measured),
        Fault.CHARACTERS: _("身份证号码由 17 位数字加一位数字或 X 组成，请检查有没有其他字符"),
        Fault.REGION: _("前 6 位是地区代码，没有以 %(code)s 开头的这个地区，请检查", code=measured),
        Fault.DATE: _("第 7 至 14 位是出生日期，但没有这一天，请检查"),
        Fault.FUTURE: _("第 7 至 14 位的出生日期不可能，请检查年份"),
        Fault.CHECK: _("最后一位校验码对不上，多半是中间某一位填错了，请逐位核对"),
        Fault.FORMAT: _("证件号码的格式不对，请照证件填写字母和数字"),
        Fault.BIRTH_DATE: _("号码里的出生日期与学员资料中的不一致，请检查号码，或更正学员资料"),
    }
    return str(words[refused.fault])


class IdNumberForm(Form):
    """The number of an identity document: checked here, sealed at once, never shown again."""

    id_kind = RadioField(_l("证件类型"))
    id_number = StringField(
        _l("证件号码"),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    number: str = ""
    birth_date: date
    today: date

    def allow(self, kinds: Sequence[NumberKind], birth_date: date, today: date) -> None:
        """Say which documents the event takes, and whose number it must be."""
        self.id_kind.choices = [(kind.value, NUMBER_LABELS[kind]) for kind in kinds]
        if not self.id_kind.data or self.id_kind.data == "None":
            self.id_kind.data = kinds[0].value
        self.birth_date, self.today = birth_date, today

    def validate_id_number(self, field: Field) -> None:
        """Check the number as its document's rules say."""
        try:
            kind = NumberKind(self.id_kind.data)
            self.number = check_number(field.data or "", kind, self.birth_date, self.today)
        except NumberRefused as refused:
            raise ValidationError(fault_in_words(refused)) from refused
        except ValueError:
            self.number = ""
