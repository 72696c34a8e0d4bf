"""The table of an approved export: who has it stands in its first line, its request in each row.

Read here and nowhere else into one place; it leaves only inside a viewing's file, sealed to the
requester's pinned key (S-093).
"""

from __future__ import annotations

import csv
import io
import uuid
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.contacts import wording as contacts
from heyan.exports.models import Export, ExportKind
from heyan.exports.rows import Scope, query
from heyan.leads import forms as leads
from heyan.leads.models import LeadStatus
from heyan.plain import strip
from uploads_worker.context import Context
from uploads_worker.releases.contents import guarded

LEAD_HEAD = ("称呼", "手机号", "项目", "方便时间", "应在此前回电", "状态", "结果", "申请编号")
CONTACT_HEAD = ("时间", "对方", "电话", "方式", "谁联系谁", "性质", "状态", "结果", "申请编号")
LEAD_STATES = {
    LeadStatus.OPEN: "等待回电",
    LeadStatus.ASSIGNED: "已分配",
    LeadStatus.CLOSED: "已办结",
}
WORDS: dict[Any, Any] = {
    **LEAD_STATES,
    **leads.OUTCOMES,
    **contacts.CHANNELS,
    **contacts.DIRECTIONS,
    **contacts.KINDS,
    **contacts.STATES,
    **contacts.OUTCOMES,
}


def write(context: Context, export_id: uuid.UUID, *, name: str, number: str) -> tuple[bytes, int]:
    """Return the table as CSV (UTF-8 with a mark) and how many rows it has.

    Never more rows than were approved; what was left out since then is missing.
    """
    with context.sessions() as session:
        row = session.scalars(select(Export).where(Export.id == export_id)).first()
        if row is None:
            return b"", 0
        most = min(row.rows_asked, context.settings.export_max_rows)
        found = session.execute(query(Scope.of(row)).limit(most)).all()
    is_leads = row.kind is ExportKind.LEADS
    out = io.StringIO(newline="")
    sheet = csv.writer(out)
    sheet.writerow(
        _cells("导出人", name, "申请编号", number, "制作时间", clock.now(), "行数", len(found))
    )
    sheet.writerow(LEAD_HEAD if is_leads else CONTACT_HEAD)
    for each in found:
        values = list(each)
        if is_leads:
            values[3] = leads.CALL_TIMES.get(values[3], leads.CALL_TIMES["any"])
        sheet.writerow(_cells(*values, number))
    return ("\ufeff" + out.getvalue()).encode(), len(found)


def _cells(*values: object) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    """Return a cell that a spreadsheet takes as text, whatever somebody typed (C-55)."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{clock.local(value):%Y-%m-%d %H:%M}"
    if isinstance(value, Enum):
        return str(WORDS[value])
    text = strip(str(value)) or ""
    if text.startswith("+86") and text[1:].isdigit():
        # As people here write a number; the plus sign would make it a formula.
        return text[3:]
    return guarded(text)


def note_built(session: Session, export_id: uuid.UUID, rows: int, request_id: uuid.UUID) -> None:
    """Write down how many rows the file holds, with the offer of the file."""
    session.execute(
        update(Export)
        .where(Export.id == export_id)
        .values(rows_built=rows, built_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    record(session, WORKER, "exports.build", "export", export_id, rows=rows, request_id=request_id)
