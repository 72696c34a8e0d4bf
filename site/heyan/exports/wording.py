"""Words of exports: which lists, which views, and an export's scope in a line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan import clock
from heyan.exports.models import Export, ExportKind
from heyan.leads.queue import View

KINDS: dict[ExportKind, Any] = {
    ExportKind.LEADS: _l("回电登记"),
    ExportKind.CONTACTS: _l("来往记录"),
}
# All of the queue's views but the one that changes with the hour.
VIEWS: dict[View, Any] = {
    View.LIVE: _l("待回电"),
    View.MINE: _l("由我回电"),
    View.UNASSIGNED: _l("未分配"),
    View.OVERDUE: _l("已超时"),
    View.CLOSED: _l("已办结"),
}


def scope_words(row: Export) -> str:
    """Return what an export is of: the list, and its view or its days."""
    if row.kind is ExportKind.LEADS or row.since is None or row.until is None:
        return str(_("回电登记：%(view)s", view=VIEWS[View(row.view)]))
    last = clock.local(row.until) - timedelta(days=1)
    return str(
        _(
            "来往记录：%(first)s至%(last)s",
            first=format_date(clock.local(row.since).date(), "long"),
            last=format_date(last.date(), "long"),
        )
    )
