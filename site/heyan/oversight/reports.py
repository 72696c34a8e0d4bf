"""The audit report of a period: figures, who read what, what is overdue; ids only (I7, S-094)."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.models import AuditEntry
from heyan.audit.service import LOOKS, Actor, record
from heyan.custody.marking import FONT
from heyan.db import transaction
from heyan.decisions.sheets import safe
from heyan.oversight import alerts, findings, rules, training
from heyan.oversight.models import StaffAlert

# More lines of one table are not printed; the page says so.
MOST = 200
LONGEST = timedelta(days=366)

# What counts as what: the beginnings of actions. Looks at a page (`LOOKS`) count as lists alone.
GROUPS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("reveals", _l("查看联系信息"), rules.REVEALS),
    ("sensitive", _l("查看敏感信息"), rules.SENSITIVE),
    (
        "lists", _l("打开页面和搜索"),
        ("contacts.searched", "records.search", "assistance.find", "audit.read",
         "oversight.show_report"),
    ),
    ("approvals", _l("申请和批准"), ("approvals.", "grants.")),
    ("releases", _l("交给主办单位"), ("releases.",)),
    ("viewings", _l("查看材料和录音"), ("viewings.",)),
    ("exports", _l("导出"), ("exports.", "oversight.export_report")),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """Everything a report says; ``readers`` are (account id, act, times)."""

    since: datetime
    until: datetime
    at: datetime
    groups: list[tuple[str, int]]
    days: list[tuple[str, int]]
    outcomes: list[tuple[str, int]]
    readers: list[tuple[str, str, int]]
    more_readers: bool
    alerts: list[tuple[str, int]]
    overdue: list[tuple[str, int]]


def make(session: Session, actor: Actor, since: datetime, until: datetime, *, form: str) -> Report:
    """Return the report of [since, until); making it is an entry that says in which *form*."""
    within = (AuditEntry.at >= since, AuditEntry.at < until)
    staff = (*within, AuditEntry.actor_kind == "staff")
    people = (*within, AuditEntry.actor_kind.in_(("staff", "organizer")))
    day = func.to_char(func.timezone("Asia/Shanghai", AuditEntry.at), "YYYY-MM-DD")
    with transaction(session):
        actions = session.execute(
            select(AuditEntry.action, func.count()).where(*within).group_by(AuditEntry.action)
        ).all()
        by_action: dict[str, int] = {row[0]: row[1] for row in actions}
        days = session.execute(
            select(day.label("day"), func.count()).where(*staff).group_by("day").order_by("day")
        ).all()
        outcomes = session.execute(
            select(AuditEntry.outcome, func.count())
            .where(*within)
            .group_by(AuditEntry.outcome)
            .order_by(AuditEntry.outcome)
        ).all()
        readers = session.execute(
            select(AuditEntry.actor_id, AuditEntry.action, func.count())
            .where(*people, AuditEntry.outcome == "done", _reading())
            .group_by(AuditEntry.actor_id, AuditEntry.action)
            .order_by(func.count().desc(), AuditEntry.actor_id, AuditEntry.action)
            .limit(MOST + 1)
        ).all()
        told = session.execute(
            select(StaffAlert.rule, func.count())
            .where(StaffAlert.raised_at >= since, StaffAlert.raised_at < until)
            .group_by(StaffAlert.rule)
        ).all()
        raised: dict[str, int] = {row[0]: row[1] for row in told}
        name = "oversight.show_report" if form == "page" else "oversight.export_report"
        record(
            session, actor, name, "report", form=form, since=since.isoformat(),
            until=until.isoformat(), rows=len(readers),
        )  # fmt: skip
        return Report(
            since=since,
            until=until,
            at=clock.now(),
            groups=[
                (str(words), sum(n for act, n in by_action.items() if group_of(act) == key))
                for key, words, _begins in GROUPS
            ],
            days=[(row[0], row[1]) for row in days],
            outcomes=_in_words([(row[0], row[1]) for row in outcomes]),
            readers=[(str(row[0]), row[1], row[2]) for row in readers[:MOST]],
            more_readers=len(readers) > MOST,
            alerts=[(str(one.words), raised.get(one.key, 0)) for one in rules.RULES],
            overdue=_overdue(session),
        )


def group_of(action: str) -> str:
    """Return the key of the group an act counts in; empty for none of them."""
    if action.endswith(LOOKS):
        return "lists"
    return next((key for key, _words, begins in GROUPS if action.startswith(begins)), "")


def _reading() -> ColumnElement[bool]:
    begins = [begin for _key, _words, group in GROUPS[:3] for begin in group]
    return or_(
        *(AuditEntry.action.startswith(one, autoescape=True) for one in begins),
        *(AuditEntry.action.endswith(one, autoescape=True) for one in LOOKS),
    )


def _in_words(outcomes: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Add outcomes up by what they are called: how a call or a case ended is an act done."""
    words = {
        "denied": _("被拒绝"),
        "refused": _("被拒绝"),
        "failed": _("失败"),
        "exists": _("已存在"),
    }
    found: dict[str, int] = {}
    for value, count in outcomes:
        said = words.get(value, _("已完成"))
        found[said] = found.get(said, 0) + count
    return list(found.items())


def _overdue(session: Session) -> list[tuple[str, int]]:
    # Of nobody: whoever reads the report, every open alert counts.
    return [
        (_("超过一天没有处理的告警"), alerts.waiting(session, uuid.UUID(int=0))[1]),
        (_("过了期限没有整改的问题"), findings.waiting(session)[1]),
        (_("培训、考试或制度确认过期的员工"), training.overdue(session)),
    ]


# --- as a file ---------------------------------------------------------------------------------


def sections(report: Report) -> Iterator[tuple[str, Sequence[Sequence[Any]]]]:
    """Yield the report's tables: heading, lines."""
    yield _("各类操作的次数"), report.groups
    yield _("操作的结果"), report.outcomes
    yield _("员工每天的操作"), report.days
    yield _("期间的告警"), report.alerts
    yield _("现在逾期的事项"), report.overdue
    yield _("谁看了什么（账号编号、操作、次数）"), report.readers


def period(report: Report) -> str:
    """Return the days a report covers, both included."""
    last = clock.local(report.until - timedelta(seconds=1))
    return f"{clock.local(report.since):%Y-%m-%d} — {last:%Y-%m-%d}"


def as_csv(report: Report) -> bytes:
    """Return the report as CSV that Excel opens in Chinese; no cell is a formula (C-55)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow((safe(_("审计报告")), period(report)))
    for heading, lines in sections(report):
        writer.writerow(())
        writer.writerow((safe(heading),))
        writer.writerows([safe(str(cell)) for cell in line] for line in lines)
    return ("\ufeff" + out.getvalue()).encode()


def as_pdf(report: Report) -> bytes:
    """Return the report as PDF, with bars beside the figures; the font's used signs are in it."""
    from fpdf import FPDF

    page = FPDF(format="A4")
    page.set_margin(18)
    page.set_auto_page_break(True, 18)
    page.add_font("sans", fname=FONT)
    page.set_title(_("审计报告"))
    page.set_lang("zh-CN")
    page.add_page()
    page.set_font("sans", size=18)
    page.cell(0, 12, _("审计报告"), new_x="LMARGIN", new_y="NEXT")
    page.set_font("sans", size=10)
    page.cell(0, 7, period(report), new_x="LMARGIN", new_y="NEXT")
    for heading, lines in sections(report):
        page.ln(4)
        page.set_font("sans", size=13)
        page.cell(0, 9, heading, new_x="LMARGIN", new_y="NEXT")
        page.set_font("sans", size=9)
        most = max((line[-1] for line in lines), default=0) or 1
        for line in lines:
            *words, number = line
            page.cell(112, 6, "  ".join(str(word) for word in words))
            page.cell(16, 6, str(number), align="R")
            page.set_fill_color(70, 100, 140)
            if number:
                page.rect(page.get_x() + 3, page.get_y() + 1.5, 40 * number / most, 3, style="F")
            page.ln(6)
        if not lines:
            page.cell(0, 6, _("没有"), new_x="LMARGIN", new_y="NEXT")
    return bytes(page.output())
