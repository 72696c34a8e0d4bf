"""What categories of the registry share: the article each rests on, floors, and recipients."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from heyan.categories import Floor

# Of the law on data in networks (handing on and entrusting), and of the law on cybersecurity.
THREE_YEARS = Floor(1095, "网络数据安全管理条例第十二条")
HALF_A_YEAR = Floor(180, "网络安全法第二十一条第三项")

NOBODY = _l("不提供给他人")
ORGANIZER = _l("您报名项目的主办单位")
CONSENT = _l("您的同意（个人信息保护法第十三条第一项）")
SEPARATE = _l("您的单独同意（个人信息保护法第二十九条）")
SEPARATE_CHOICE = _l("您的单独同意，不同意不影响任何功能（个人信息保护法第十三条第一项、第十六条）")
CONTRACT = _l("为您办理报名所必需（个人信息保护法第十三条第二项）")
DUTY = _l("履行法定义务（个人信息保护法第十三条第三项）")
