"""The present texts with this site's facts: what ``policies publish`` freezes.

Needs an application context, because the tables from the registry speak the page's language.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import force_locale
from flask_babel import gettext as _

from heyan import clock
from heyan.policies import promises, text_agreement, text_privacy_en, text_privacy_zh
from heyan.policies.models import PolicyKind
from heyan.policies.sections import Section, freeze
from heyan.public_table import public_rows
from heyan.settings import Settings

TEXTS: dict[PolicyKind, dict[str, tuple[Section, ...]]] = {
    PolicyKind.PRIVACY: {"zh": text_privacy_zh.SECTIONS, "en": text_privacy_en.SECTIONS},
    PolicyKind.AGREEMENT: {"zh": text_agreement.ZH, "en": text_agreement.EN},
}
# A production site does not start without these facts; a local one shows that they are missing.
_MISSING = {"zh": "（本机演示，未设置）", "en": "(not set on this local machine)"}


def effective_at(settings: Settings) -> datetime:
    """Return the moment from which the present texts are in force."""
    return clock.midnight(settings.policy_effective)


def content(settings: Settings, kind: PolicyKind) -> dict[str, Any]:
    """Return the present text of *kind* in both languages, with facts and tables filled in.

    The privacy policy carries the periods in days too: what it promises is kept (S-106).
    """
    frozen: dict[str, Any] = {}
    if kind is PolicyKind.PRIVACY:
        frozen[promises.PERIODS] = promises.periods()
    for language, sections in TEXTS[kind].items():
        with force_locale("en" if language == "en" else "zh_CN"):
            frozen[language] = freeze(sections, _facts(settings, language), _tables())
    return frozen


def tables_speak_english() -> bool:
    """Tell whether the English catalogue is there: without it the tables would be Chinese."""
    with force_locale("en"):
        captions = "".join(table["caption"] for table in _tables().values())
    return captions.isascii()


def _facts(settings: Settings, language: str) -> dict[str, str]:
    day = settings.policy_effective
    shown = f"{day.year}年{day.month}月{day.day}日" if language == "zh" else f"{day:%-d %B %Y}"
    english = language == "en"
    facts = {
        "company": settings.company_name,
        "address": settings.company_address,
        "hotline": settings.hotline,
        "hours": settings.fact("hotline_hours", english=english),
        "email": settings.contact_email,
        "officer": settings.privacy_officer,
        "officer_contact": settings.privacy_contact,
        "hosting": ("、" if language == "zh" else ", ").join(settings.hosting_places),
        "law": settings.fact("governing_law", english=english),
        "court": settings.fact("court", english=english),
        "version": settings.policy_version,
        "effective": shown,
    }
    return {name: fact or _MISSING[language] for name, fact in facts.items()}


def _anchor(table: str, key: str) -> str:
    """Return a row's id; a dot would have to be escaped in every selector."""
    return f"{table}-{key.replace('.', '-')}"


def _tables() -> dict[str, dict[str, Any]]:
    rows = public_rows()
    collected = {
        "caption": str(_("我们收集的个人信息")),
        "head": _head(
            _("类别（级别）"), _("内容"), _("目的"), _("依据"), _("保存与之后"), _("提供给")
        ),
        "rows": [
            {
                "id": _anchor("collected", row.key),
                "cells": [
                    str(_("%(label)s（%(level)s）", label=row.label, level=row.level)),
                    row.items,
                    row.purpose,
                    row.basis,
                    str(_("%(period)s，%(then)s", period=row.kept, then=row.afterwards)),
                    row.recipients,
                ],
            }
            for row in rows
        ],
    }
    shared = {
        "caption": str(_("我们提供的个人信息")),
        "head": _head(_("接收方"), _("内容"), _("目的"), _("方式")),
        "rows": [
            {
                "id": _anchor("shared", row.key),
                "cells": [
                    row.recipients,
                    str(_("%(label)s：%(items)s", label=row.label, items=row.items)),
                    row.purpose,
                    str(_("加密成只有接收方能打开的文件，由其下载")),
                ],
            }
            for row in rows
            if row.shared
        ],
    }
    retention = {
        "caption": str(_("保存期限")),
        "head": _head(_("类别"), _("期限"), _("从何时起算"), _("到期之后")),
        "rows": [
            {
                "id": _anchor("retention", row.key),
                "cells": [row.label, row.period, row.counted_from, row.afterwards],
            }
            for row in rows
        ],
    }
    return {"collected": collected, "shared": shared, "retention": retention}


def _head(*words: Any) -> list[str]:
    return [str(word) for word in words]
