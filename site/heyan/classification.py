"""The registry of personal data: the one place that says what is kept, why and how long.

It drives the public data table, masking, retention, log redaction and access checks. A personal
column names its category through `heyan.db.personal`; a test fails on one that does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Column, MetaData

from heyan import bases
from heyan.bases import NOBODY
from heyan.categories import Category, Ending, Floor, Level
from heyan.classification_proofs import PROOFS

CATEGORIES: tuple[Category, ...] = (
    Category(
        "lead.contact",
        Level.L2_CONTACT,
        _l("回电登记"),
        _l("称呼、手机号、想了解的项目、方便接听的时间"),
        _l("按您的要求给您回电"),
        bases.CONSENT,
        90,
        _l("最后一次联系之日"),
        Ending.DELETE,
        NOBODY,
        "CONTROLS 5",
    ),
    Category(
        "lead.refusal",
        Level.L2_CONTACT,
        _l("不再联系的号码"),
        _l("手机号用密钥算出的标记；看不出号码，只能用来比对"),
        _l("您要求不再联系之后，不再给这个号码回电"),
        bases.DUTY,
        None,
        _l("直到您要求恢复联系"),
        Ending.DELETE,
        NOBODY,
        "S-019",
    ),
    Category(
        "usage",
        Level.L2_CONTACT,
        _l("浏览统计"),
        _l("看了哪些页面、点了哪些按钮，设备型号、操作系统、网络所在的网段；不含账号和姓名"),
        _l("了解哪些页面有用，改进网站"),
        bases.SEPARATE_CHOICE,
        180,
        _l("浏览之日；撤回同意的，立即删除"),
        Ending.DELETE,
        NOBODY,
        "REQUIREMENTS F3",
    ),
    Category(
        "contact.log",
        Level.L2_CONTACT,
        _l("通话与交流记录"),
        _l("您的称呼、联系方式，您反映的问题、意见或建议，处理经过和结果"),
        _l("处理纠纷、解决问题，向您反馈结果"),
        bases.CONSENT,
        365,
        _l("最后一次处理之日；涉及纠纷的，保存到纠纷办结后 3 年"),
        Ending.DELETE,
        NOBODY,
        "CONTROLS 5; 民法典 188",
    ),
    Category(
        "contact.recording",
        Level.L3_SENSITIVE,
        _l("通话录音"),
        _l("经您同意录下的通话（封存，本网站打不开；经批准的人才能收听）"),
        _l("处理纠纷、解决问题"),
        bases.SEPARATE,
        180,
        _l("收到录音之日；涉及纠纷的，保存到纠纷办结后 3 年"),
        Ending.SHRED,
        NOBODY,
        "PIPL 19; CONTROLS 5",
    ),
    Category(
        "account.contact",
        Level.L2_CONTACT,
        _l("账号"),
        _l("手机号或登录名、称呼；您另外验证的邮箱"),
        _l("登录、保护账号安全、通知您办理进展"),
        bases.CONTRACT,
        None,
        _l(
            "账号存续期间；学员和家长的账号连续 24 个月没有登录、也没有进行中的项目的，"
            "提前 30 天在网站内通知，之后删除"
        ),
        Ending.DELETE,
        NOBODY,
        "PIPL 47",
    ),
    Category(
        "message.body",
        Level.L2_CONTACT,
        _l("发给您的短信和邮件"),
        _l("收信的手机号或邮箱、验证码或链接（发出即删除）；送达状态不含内容，保存 12 个月"),
        _l("把办理进展和安全提醒送到您手里"),
        bases.CONTRACT,
        30,
        _l("产生之日"),
        Ending.DELETE,
        _l("代为发送的短信和邮件服务商"),
        "CONTROLS 5",
        exported=False,
    ),
    Category(
        "account.credentials",
        Level.L3_SENSITIVE,
        _l("登录凭据"),
        _l("密码的不可逆摘要、动态验证码密钥、备用码的摘要、通行密钥的公钥和您起的名称"),
        _l("确认登录的人是您本人"),
        bases.CONTRACT,
        None,
        _l("账号存续期间"),
        Ending.DELETE,
        NOBODY,
        "PIPL 51",
        exported=False,
    ),
    Category(
        "security_log",
        Level.L2_CONTACT,
        _l("安全日志"),
        _l("登录时间、IP 地址、浏览器标识"),
        _l("发现异常登录，保障网络安全"),
        bases.DUTY,
        180,
        _l("产生之日"),
        Ending.DELETE,
        NOBODY,
        "CSL 23; CONTROLS L-30",
        bases.HALF_A_YEAR,
    ),
    Category(
        "audit",
        Level.L2_CONTACT,
        _l("操作记录"),
        _l("操作的时间、种类、结果、操作人和对象的编号、IP 地址；不含姓名、电话和证件号码"),
        _l("查明谁在什么时候对您的信息做了什么；发现事后改动"),
        bases.DUTY,
        1095,
        _l("每条记录产生之日"),
        Ending.DELETE,
        NOBODY,
        "PIPL 51, 56; 网络数据安全管理条例 12",
        bases.THREE_YEARS,
    ),
    Category(
        "student.profile",
        Level.L2_CONTACT,
        _l("学员资料"),
        _l("学员姓名、出生日期、与账号持有人的关系"),
        _l("办理报名；判断是否需要监护人同意"),
        bases.CONTRACT,
        None,
        _l("账号存续期间或解除绑定之日"),
        Ending.DELETE,
        bases.ORGANIZER,
        "PIPL 47",
    ),
    Category(
        "registration.answers",
        Level.L2_CONTACT,
        _l("报名信息"),
        _l("报名项目要求填写的内容"),
        _l("办理该项目的报名"),
        bases.CONTRACT,
        365,
        _l("项目结束之日"),
        Ending.DELETE,
        bases.ORGANIZER,
        "CONTROLS 5",
    ),
    Category(
        "identity.number",
        Level.L3_SENSITIVE,
        _l("身份证件号码"),
        _l("身份证件号码（封存，本网站打不开）"),
        _l("交给主办单位核验身份"),
        bases.SEPARATE,
        30,
        _l("核验结果公布之日，最迟为项目结束之日"),
        Ending.SHRED,
        bases.ORGANIZER,
        "PIPL 28, 29",
    ),
    Category(
        "identity.number_tail",
        Level.L2_CONTACT,
        _l("身份证件号码后四位"),
        _l("号码的最后四位"),
        _l("让您认出自己填的是哪个号码"),
        bases.CONTRACT,
        30,
        _l("核验结果公布之日，最迟为项目结束之日；与号码本身同时删除"),
        Ending.DELETE,
        NOBODY,
        "CONTROLS 5",
    ),
    Category(
        "safety.mark",
        Level.L3_SENSITIVE,
        _l("查重标记"),
        _l("用项目的密钥由证件号码和上传文件算出的标记；还原不出号码和图片，本网站看不到"),
        _l("在同一个项目里发现重复使用的号码和文件，防止冒名报名"),
        bases.SEPARATE,
        30,
        _l("核验结果公布之日，最迟为项目结束之日；与号码、材料同时删除，项目密钥销毁后失效"),
        Ending.SHRED,
        NOBODY,
        "S-027; CONTROLS Q4, Q6",
        exported=False,
    ),
    Category(
        "identity.document",
        Level.L4_IDENTITY,
        _l("身份认证材料"),
        _l("身份证件照片、学生证、证件照等（封存，本网站打不开）"),
        _l("交给主办单位核验身份，不作他用"),
        bases.SEPARATE,
        30,
        _l("核验结果公布之日，最迟为项目结束之日；被替换的旧件 24 小时"),
        Ending.SHRED,
        bases.ORGANIZER,
        "PIPL 19, 28, 29",
    ),
    Category(
        "decision",
        Level.L3_SENSITIVE,
        _l("核验结果"),
        _l("通过或退回、退回原因、材料流转记录"),
        _l("告诉您结果；处理申诉与争议"),
        bases.CONTRACT,
        1095,
        _l("每条记录产生之日"),
        Ending.DELETE,
        NOBODY,
        "民法典 188; 网络数据安全管理条例 12",
        bases.THREE_YEARS,
    ),
    Category(
        "safety.flag",
        Level.L2_CONTACT,
        _l("风险提示"),
        _l("提示的种类、涉及的报名或账号，工作人员的判断和理由；不含证件号码和图片"),
        _l("防止冒名和盗用账号；记录由谁作出判断，供您申诉"),
        bases.DUTY,
        180,
        _l("提示产生之日，项目内的提示最迟到项目密钥销毁之日"),
        Ending.DELETE,
        NOBODY,
        "S-027; PIPL 24; CONTROLS L-14",
    ),
    *PROOFS,
)

REGISTRY: dict[str, Category] = {category.key: category for category in CATEGORIES}


def personal_columns(metadata: MetaData) -> Iterator[tuple[Column[Any], Category]]:
    """Yield every personal column with its category; `KeyError` for an unknown category."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if key := column.info.get("category"):
                yield column, REGISTRY[key]


def mask_name(name: str) -> str:
    """Return a name for lists: the first character stays."""
    return name[:1] + "＊" * max(1, min(len(name) - 1, 3)) if name else ""


def mask_phone(phone: str) -> str:
    """Return an E.164 number for lists: three digits in front and two behind stay."""
    digits = phone.removeprefix("+86")
    return digits[:3] + "＊" * 4 + digits[-2:] if len(digits) > 6 else "＊＊＊"


__all__ = [
    "CATEGORIES",
    "NOBODY",
    "REGISTRY",
    "Category",
    "Ending",
    "Floor",
    "Level",
    "mask_name",
    "mask_phone",
    "personal_columns",
]
