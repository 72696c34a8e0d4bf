"""Remember outside the database what orders keep, so that a restore forgets none (S-059, H4).

Beside the tombstones, in the folder of anchors: a line when a hold comes into force and one when
it is released. Before a restored database is swept, holds that it lost are put back, and those
released since the backup are released again. The lines hold no personal data: the order's scope
in words stays in the database alone.
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.retention.holds import in_force
from heyan.retention.models import HoldSubject, LegalHold
from uploads_worker.context import Context

log = structlog.get_logger("worker")

NAME = "holds.jsonl"


def note(context: Context) -> int:
    """Write down holds that came into force or were released since; return how many lines."""
    known = read(context.settings.anchors)
    lines = []
    with context.sessions() as session:
        for row in session.scalars(select(LegalHold).where(in_force())):
            if str(row.id) not in known:
                lines.append(_line(row))
        for hold_id, released in session.execute(
            select(LegalHold.id, LegalHold.released_at).where(LegalHold.released_at.is_not(None))
        ):
            last = known.get(str(hold_id))
            if last is not None and last["released"] is None:
                lines.append({**last, "released": (released or clock.now()).isoformat()})
    if lines:
        _append(context.settings.anchors, lines)
    return len(lines)


def _line(row: LegalHold) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": row.subject_kind.value,
        "subject": str(row.subject_id),
        "authority": row.authority,
        "order": row.order_number,
        "statute": row.statute,
        "asked": row.asked_at.isoformat(),
        "approved": (row.approved_at or row.asked_at).isoformat(),
        "ends": row.ends_at.isoformat(),
        "released": None,
    }


def _append(folder: Path, lines: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        for line in lines:
            os.write(descriptor, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the last line of each hold, by id; a line that a crash cut short is left out."""
    found: dict[str, dict[str, Any]] = {}
    try:
        text = (folder / NAME).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return found
    for line in text.splitlines():
        try:
            one = json.loads(line)
            found[one["id"]] = {**one, "released": one["released"]}
        except (ValueError, KeyError, TypeError):
            continue
    return found


def replay(context: Context) -> int:
    """Put back holds that the database lost, release those it forgot were released."""
    known = read(context.settings.anchors)
    changed = 0
    with context.sessions() as session, transaction(session):
        rows = session.execute(select(LegalHold.id, LegalHold.released_at))
        here = {row.id: row.released_at for row in rows}
        for text_id, line in known.items():
            hold_id = uuid.UUID(text_id)
            released = _moment(line["released"])
            over = _moment(line["ends"])
            if hold_id not in here and released is None and over and over > clock.now():
                session.add(_row(hold_id, line))
                record(session, WORKER, "holds.restore", "hold", hold_id)
                changed += 1
            elif hold_id in here and here[hold_id] is None and released is not None:
                session.get_one(LegalHold, hold_id).released_at = released
                record(session, WORKER, "holds.release", "hold", hold_id, because="restored")
                changed += 1
        # One approved between two notes before the backup needs nothing: it is in the backup.
    if changed:
        log.warning("holds.replayed", count=changed)
    return changed


def _row(hold_id: uuid.UUID, line: dict[str, Any]) -> LegalHold:
    return LegalHold(
        id=hold_id,
        subject_kind=HoldSubject(line["kind"]),
        subject_id=uuid.UUID(line["subject"]),
        authority=line["authority"],
        order_number=line["order"],
        statute=line["statute"],
        scope="",
        ends_at=_moment(line["ends"]),
        asked_at=_moment(line["asked"]),
        approved_at=_moment(line["approved"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
