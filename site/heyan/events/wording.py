"""Events in words: titles in the page's language, kinds, and where an event stands."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, case

from heyan.events.models import Event, EventKind
from heyan.events.service import Stage, stage_of

KINDS: dict[EventKind, Any] = {
    EventKind.EXAM: _l("考试"),
    EventKind.COMPETITION: _l("竞赛"),
    EventKind.COURSE: _l("课程"),
}
# Each stage's badge: class and, unless it counts days, its words.
BADGES: dict[Stage, str] = {
    Stage.SOON: "badge-quiet",
    Stage.OPEN: "badge-done",
    Stage.CLOSING: "badge-attention",
    Stage.FULL: "badge-attention",
    Stage.CLOSED: "badge-quiet",
}


def english() -> bool:
    """Tell whether the page is in English."""
    return str(get_locale() or "").startswith("en")


def text_of(event: Event, what: str) -> str:
    """Return the event's *what* (title, summary, description) in the page's language."""
    chosen = getattr(event, f"{what}_en") if english() else ""
    text: str = chosen or getattr(event, what)
    return text


def title_of(event: Event) -> str:
    """Return the event's title in the page's language."""
    return text_of(event, "title")


def title_column() -> ColumnElement[str]:
    """Return what a query selects for an event's title in the page's language."""
    chinese: ColumnElement[str] = Event.title.expression
    return case((Event.title_en != "", Event.title_en), else_=chinese) if english() else chinese


def paragraphs_of(event: Event) -> list[str]:
    """Return the description's paragraphs in the page's language."""
    return [part.strip() for part in text_of(event, "description").split("\n\n") if part.strip()]


def label_of(event_field: Any) -> str:
    """Return a question's label in the page's language."""
    label: str = (event_field.label_en if english() else "") or event_field.label
    return label


def time_left(event: Event, moment: datetime) -> str:
    """Return how long one can still register, in the largest unit that says it."""
    seconds = (event.closes_at - moment).total_seconds()
    if seconds >= 2 * 86400:
        return str(_("还剩 %(count)s 天", count=int(seconds // 86400)))
    if seconds >= 2 * 3600:
        return str(_("还剩 %(count)s 小时", count=int(seconds // 3600)))
    return str(_("还剩 %(count)s 分钟", count=max(1, math.ceil(seconds / 60))))


def badge_of(event: Event, moment: datetime, stage: Stage | None = None) -> tuple[str, str]:
    """Return the class and the words of the event's badge (of *stage*, where it is known)."""
    stage = stage or stage_of(event, moment)
    words = {
        Stage.SOON: _("即将开放"),
        Stage.OPEN: _("报名中"),
        Stage.CLOSING: time_left(event, moment) if stage is Stage.CLOSING else "",
        Stage.FULL: _("已满，可候补"),
        Stage.CLOSED: _("已截止"),
    }[stage]
    return BADGES[stage], str(words)
