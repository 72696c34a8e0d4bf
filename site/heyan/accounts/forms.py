"""Forms of accounts, and the words for what their verbs refuse."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, Regexp

from heyan.access import Realm
from heyan.accounts.passwords import PasswordRefused, Reason
from heyan.accounts.totp import plain_code
from heyan.forms import Form, PhoneField, strip
from heyan.limits import in_words
from heyan.settings import Settings

# Far above any password: a form with more is no sign-in (the rule itself is the setting's).
LONGEST_FIELD = 4096
_NEW = {"autocomplete": "new-password", "autocapitalize": "off", "spellcheck": "false"}
_PRESENT = {"autocomplete": "current-password", "autocapitalize": "off", "spellcheck": "false"}
_CODE = {
    "autocomplete": "one-time-code",
    "inputmode": "numeric",
    "autocapitalize": "characters",
    "spellcheck": "false",
}


def in_words_refused(refused: PasswordRefused, settings: Settings, realm: Realm) -> str:
    """Return why a password was refused and what helps."""
    if refused.reason is Reason.TOO_SHORT:
        if realm is Realm.PUBLIC and refused.limit == settings.password_min_alone:
            words = _(
                "没有动态验证码的账号，密码至少 %(count)s 位；设置动态验证码后可以短一些",
                count=refused.limit,
            )
        else:
            words = _("密码至少 %(count)s 位", count=refused.limit)
    elif refused.reason is Reason.TOO_LONG:
        words = _("密码最多 %(count)s 位", count=refused.limit)
    elif refused.reason is Reason.COMMON:
        words = _("这个密码在已泄露的常用密码之列，请换一个别人想不到的")
    elif refused.reason is Reason.PATTERN:
        words = _("这个密码只是重复或连续的字符，请换一个，例如几个不相关的词连起来")
    elif refused.reason is Reason.SAME:
        words = _("新密码和现在的一样，请换一个")
    else:
        words = _("密码里不要用本站名称、手机号、登录名、姓名、年份这类容易猜到的内容，请换一个")
    return str(words)


def in_words_throttled(seconds: int) -> str:
    """Return how long to wait after too many failures."""
    return str(_("试错次数太多，请在%(wait)s后再试", wait=in_words(seconds)))


class RegisterForm(Form):
    """Open a public account."""

    phone = PhoneField(
        _l("手机号"),
        render_kw={"autocomplete": "username", "inputmode": "tel", "maxlength": "20"},
    )
    password = PasswordField(
        _l("设置密码"),
        [
            InputRequired(_l("请设置密码")),
            Length(max=LONGEST_FIELD, message=_l("密码太长")),
        ],
        render_kw=_NEW,
    )
    consent = BooleanField(
        _l("同意"),
        [InputRequired(_l("请先阅读个人信息保护政策，同意后才能开立账号"))],
    )


class PhoneLoginForm(Form):
    """Sign in to a public account."""

    phone = PhoneField(
        _l("手机号"),
        render_kw={"autocomplete": "username", "inputmode": "tel", "maxlength": "20"},
    )
    password = PasswordField(
        _l("密码"),
        [InputRequired(_l("请输入密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_PRESENT,
    )

    @property
    def login(self) -> str:
        """The normalised phone number."""
        return self.phone.e164


class NameLoginForm(Form):
    """Sign in with a login name (staff, organizer)."""

    name = StringField(
        _l("登录名"),
        [InputRequired(_l("请输入登录名")), Length(max=64, message=_l("登录名最多 64 个字符"))],
        filters=[strip],
        render_kw={"autocomplete": "username", "autocapitalize": "off", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("密码"),
        [InputRequired(_l("请输入密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_PRESENT,
    )

    @property
    def login(self) -> str:
        """The login name as typed; the verbs fold it."""
        return self.name.data or ""


class CodeForm(Form):
    """A code from the authenticator, or a recovery code."""

    code = StringField(
        _l("验证码"),
        [InputRequired(_l("请输入验证码")), Length(max=40, message=_l("验证码没有这么长"))],
        filters=[strip],
        render_kw=_CODE,
    )
    remember = BooleanField(_l("这台设备是我自己的，30 天内登录不再输入验证码"))


class SmsCodeForm(Form):
    """The code that came by SMS."""

    code = StringField(
        _l("短信里的 6 位数字"),
        [
            InputRequired(_l("请输入短信里的验证码")),
            Regexp(r"^\s*\d{3}\s?\d{3}\s*$", message=_l("验证码是 6 位数字")),
        ],
        filters=[strip],
        render_kw=_CODE,
    )


class ConfirmForm(Form):
    """The first code of a new authenticator."""

    code = StringField(
        _l("应用显示的 6 位数字"),
        [
            InputRequired(_l("请输入验证码")),
            Regexp(r"^\s*\d{3}\s?\d{3}\s*$", message=_l("验证码是 6 位数字")),
        ],
        filters=[strip],
        render_kw=_CODE,
    )


class PasskeyNameForm(Form):
    """What a person calls a passkey."""

    name = StringField(
        _l("名称"),
        [InputRequired(_l("请给它起个名称")), Length(max=40, message=_l("名称最多 40 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )


class PasskeyForm(PasskeyNameForm):
    """A new passkey: its name, and what the browser's authenticator answered."""

    answer = HiddenField()

    def validate_answer(self, field: HiddenField) -> None:
        """The answer is filled in by the script; without one nothing was asked."""
        if not field.data:
            self.name.errors = [*self.name.errors, _("浏览器没有回答，请打开脚本后再试一次")]
            raise ValidationError


class PasskeyAnswerForm(Form):
    """What a passkey answered to a sign-in's or a step-up's question."""

    answer = HiddenField(validators=[InputRequired()])
    remember = BooleanField()


class LostFactorForm(Form):
    """How a colleague made sure who asks; possession only, no questions (C-34)."""

    proof = RadioField(
        _l("怎样确认是本人"),
        choices=[
            ("met", _l("当面见到本人，核对了工作证件")),
            ("called_back", _l("拨打登记在册的电话，本人接听")),
        ],
        validators=[InputRequired(_l("请选择怎样确认是本人"))],
    )


class StepUpPasswordForm(Form):
    """The password again, where there is no authenticator."""

    password = PasswordField(_l("密码"), [InputRequired(_l("请输入密码"))], render_kw=_PRESENT)


class ChangePasswordForm(Form):
    """A new password against the present one."""

    password = PasswordField(
        _l("现在的密码"), [InputRequired(_l("请输入现在的密码"))], render_kw=_PRESENT
    )
    new_password = PasswordField(
        _l("新密码"),
        [InputRequired(_l("请设置新密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_NEW,
    )


class ActivateForm(Form):
    """A one-time code and the password it is used to set."""

    code = StringField(
        _l("激活码"),
        [InputRequired(_l("请输入激活码")), Length(max=60, message=_l("激活码没有这么长"))],
        filters=[strip],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("设置密码"),
        [InputRequired(_l("请设置密码")), Length(max=LONGEST_FIELD, message=_l("密码太长"))],
        render_kw=_NEW,
    )

    def validate_code(self, field: StringField) -> None:
        """An activation code has 16 letters and digits."""
        count = len(plain_code(field.data or ""))
        if count != 16:
            raise ValidationError(_("激活码是 16 位字母和数字，现在是 %(count)s 位", count=count))


class InvitePersonForm(Form):
    """Someone new: login name and name; who they are stands in the subclass."""

    login = StringField(
        _l("登录名"),
        [
            InputRequired(_l("请填写登录名")),
            Regexp(
                r"^[A-Za-z0-9][A-Za-z0-9._@-]{2,63}$",
                message=_l("登录名用 3 至 64 个字母、数字或 . _ - @，以字母或数字开头"),
            ),
        ],
        filters=[strip],
        render_kw={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"},
    )
    name = StringField(
        _l("姓名"),
        [InputRequired(_l("请填写姓名")), Length(max=50, message=_l("姓名最多 50 个字"))],
        filters=[strip],
        render_kw={"autocomplete": "off"},
    )


class InviteStaffForm(InvitePersonForm):
    """A colleague with one or more roles."""

    staff_number = StringField(
        _l("员工编号"),
        [
            InputRequired(_l("请填写员工编号")),
            Length(max=40, message=_l("员工编号最多 40 个字符")),
        ],
        filters=[strip],
        description=_l("一个人只有一个编号。同一个人有两个账号时，两个账号也只算一个人"),
        render_kw={"autocomplete": "off"},
    )
    roles = SelectMultipleField(
        _l("职责"),
        choices=[
            ("service", _l("客服：处理回电登记")),
            ("operations", _l("运营：项目、主办单位、核对密钥")),
            ("privacy_officer", _l("个人信息保护负责人：批准密钥、查阅审计")),
            ("administrator", _l("管理员：管理人员、批准密钥、查阅审计")),
            ("auditor", _l("审计：查阅审计")),
        ],
    )

    def validate_roles(self, field: SelectMultipleField) -> None:
        """At least one role; two that watch each other are never one person's."""
        chosen = set(field.data or [])
        if not chosen:
            raise ValidationError(_("请至少选择一项职责"))
        if "operations" in chosen and chosen & {"privacy_officer", "administrator"}:
            raise ValidationError(
                _("核对密钥的人不能同时批准密钥：运营不能与个人信息保护负责人或管理员兼任")
            )


class InviteMemberForm(InvitePersonForm):
    """A colleague at the organizer."""

    role = RadioField(
        _l("权限"),
        choices=[
            ("organizer_member", _l("成员：下载批次、核验、公布结果")),
            ("organizer_owner", _l("负责人：另可管理密钥和成员")),
        ],
        default="organizer_member",
        validators=[InputRequired(_l("请选择权限"))],
    )
