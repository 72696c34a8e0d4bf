"""What is unusual at work, as data: acts, how many in which window, what it is called (S-089)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Contact data in clear, once each.
REVEALS = (
    "leads.revealed", "contacts.revealed", "records.revealed", "assistance.reveal", "rights.reveal",
)  # fmt: skip
# Sensitive data, pictures and recordings.
SENSITIVE = ("records.sensitive", "viewings.fetch", "exports.fetch")


@dataclass(frozen=True)
class AlertRule:
    """More than ``most`` entries of one actor within ``window`` raise an alert, once a window.

    ``actions`` narrows to acts (all of them when empty), ``outcome`` to their result; ``night``
    to 22:00 to 6:00 in Shanghai, own account matters apart; ``mark`` to entries whose details
    have that word as true. ``actor_kind`` is whose acts; the worker's are counted outside it.
    """

    key: str
    words: Any
    most: int
    window: timedelta
    actions: tuple[str, ...] = ()
    outcome: str = "done"
    night: bool = False
    mark: str = ""
    actor_kind: str = "staff"
    # Looked at by who is told within this; then it is overdue.
    look_within: timedelta = DAY


# Somebody says that the processing broke the law: whether that is an incident is decided within
# the hours that a report of one may take (S-051, S-096).
UNLAWFUL = AlertRule(
    "unlawful",
    _l("有人以处理违法为由要求删除：请判断是否构成事件"),
    0,
    DAY,
    actor_kind="person",
    look_within=4 * HOUR,
)
# Numbers: CONTROLS 5 "staff alarms". Openings are counted beyond those that had a reason
# (`alerts.unasked_openings`), which are none; the spare is a batch made again for a new key.
RULES = (
    AlertRule("reveals", _l("一小时内查看联系信息超过 50 次"), 50, HOUR, REVEALS),
    AlertRule("sensitive", _l("一天内查看敏感信息超过 20 次"), 20, DAY, SENSITIVE),
    AlertRule("night", _l("22 点到 6 点之间工作"), 0, DAY, night=True),
    AlertRule("own_name", _l("查看了与自己同名的人的信息"), 0, DAY, REVEALS, mark="own_name"),
    AlertRule("denials", _l("一小时内被拒绝 5 次"), 4, HOUR, outcome="denied"),
    AlertRule(
        "openings",
        _l("处理机一小时内没有缘由就打开的材料超过 20 份"),
        20,
        HOUR,
        actor_kind="worker",
    ),
    UNLAWFUL,
)
BY_KEY = {rule.key: rule for rule in RULES}
