"""How each category of the registry is handled in its six stages, and by whom it may be seen.

Derived from the level, so that raising a category's level changes all of it together (S-085). The
six stages are the policy's own: collect, transfer, use, store, move, destroy (S-080).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan.access import Role
from heyan.classification import Category, Ending, Level, mask_name, mask_phone

STAGES = ("collect", "transfer", "use", "store", "move", "destroy")

_COLLECT: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("公开填写"),
    Level.L2_CONTACT: _l("在页面上填写，填写前说明用途；不收集用不到的内容"),
    Level.L3_SENSITIVE: _l("单独说明必要性和影响，取得同意后才收集"),
    Level.L4_IDENTITY: _l("取得单独同意后才收取；收取的同一步里加上用途水印并封存"),
}
_TRANSFER: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("经 TLS 加密的连接传输"),
    Level.L2_CONTACT: _l("经 TLS 加密的连接传输，不进网址和日志"),
    Level.L3_SENSITIVE: _l("经 TLS 加密的连接传输，不进网址和日志"),
    Level.L4_IDENTITY: _l("经 TLS 加密的连接传输，不落到磁盘，不进网址和日志"),
}
_USE: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("任何人可以看"),
    Level.L2_CONTACT: _l("没有场景授权时一律打码；每次查看都有记录"),
    Level.L3_SENSITIVE: _l("个人信息保护负责人逐件批准后才能看，最长 8 小时"),
    Level.L4_IDENTITY: _l("个人信息保护负责人和管理员两人批准，只给申请人本人的带名水印件"),
}
_STORE: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("数据库"),
    Level.L2_CONTACT: _l("数据库里逐字段加密，只能用密钥标记比对"),
    Level.L3_SENSITIVE: _l("加密或封存；不留可以反推的摘要"),
    Level.L4_IDENTITY: _l("封存在对象存储里，每个项目一把密钥，网站打不开"),
}
_MOVE: dict[Level, Any] = {
    Level.L1_PUBLIC: _l("随页面公开"),
    Level.L2_CONTACT: _l("只提供给公开表格里写明的接收方；导出须批准"),
    Level.L3_SENSITIVE: _l("只封存给写明的接收方自己的密钥；导出须批准"),
    Level.L4_IDENTITY: _l("只封存给主办单位自己的密钥，逐批签名、逐份留痕"),
}
_DESTROY: dict[Ending, Any] = {
    Ending.DELETE: _l("到期由每小时的清理删除，备份最迟 35 天后轮换掉"),
    Ending.SHRED: _l("到期删除密文的全部版本并核实，项目结束时销毁密钥，备份里的副本同时失效"),
}

# Who has to agree before somebody on the staff sees it, by level: none, one, or two people.
APPROVERS: dict[Level, frozenset[Role]] = {
    Level.L1_PUBLIC: frozenset(),
    Level.L2_CONTACT: frozenset({Role.PRIVACY_OFFICER}),
    Level.L3_SENSITIVE: frozenset({Role.PRIVACY_OFFICER}),
    Level.L4_IDENTITY: frozenset({Role.PRIVACY_OFFICER, Role.ADMINISTRATOR}),
}

# In which scenarios (`heyan.access.Scenario`) staff may come across it; in none: only by a
# request for the named record.
SCENARIOS: dict[str, frozenset[str]] = {
    "lead.contact": frozenset({"leads"}),
    "contact.log": frozenset({"contacts"}),
    "account.contact": frozenset({"accounts", "contacts", "rights"}),
    "student.profile": frozenset({"accounts", "registrations", "rights"}),
    "registration.answers": frozenset({"registrations", "rights"}),
    "identity.number_tail": frozenset({"registrations"}),
    "decision": frozenset({"registrations"}),
    "rights.request": frozenset({"rights"}),
}


@dataclass(frozen=True)
class Handling:
    """What is done with a category in each stage, who approves, and where staff may meet it."""

    stages: dict[str, Any]
    approvers: frozenset[Role]
    scenarios: frozenset[str]
    mask: Callable[[str], str]


def handling(category: Category) -> Handling:
    """Return how *category* is handled."""
    return Handling(
        stages={
            "collect": _COLLECT[category.level],
            "transfer": _TRANSFER[category.level],
            "use": _USE[category.level],
            "store": _STORE[category.level],
            "move": _MOVE[category.level],
            "destroy": _DESTROY[category.ending],
        },
        approvers=APPROVERS[category.level],
        scenarios=SCENARIOS.get(category.key, frozenset()),
        mask=mask_contact if category.level <= Level.L2_CONTACT else mask_whole,
    )


def mask_contact(value: str) -> str:
    """Return a contact value for eyes without a grant: a number or the front of a name."""
    return mask_phone(value) if value.lstrip("+").isdigit() else mask_name(value)


def mask_whole(value: str) -> str:
    """Return nothing of a value at L3 or L4 but that there is one."""
    return "＊＊＊" if value else ""
