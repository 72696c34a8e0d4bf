"""Make the copy that somebody asked for of everything held, sealed, and destroy it in time (G1).

The job knows an id alone. What this role may not read the web has put into the row, encrypted;
it is emptied when the copy is made. The file is an age file to a key of this one copy, whose
opener this process cannot read, so nothing here opens it again.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from jinja2 import Environment, StrictUndefined
from sqlalchemy import select

from heyan import clock
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.classification import REGISTRY
from heyan.custody.objects import new_key
from heyan.db import transaction
from heyan.notifications.service import notify
from heyan.rights import holdings
from heyan.rights.models import AccessCopy, CopyState
from heyan.rights.value_words import readable
from uploads_worker.context import Context
from uploads_worker.releases.contents import guarded
from uploads_worker.releases.sealing_out import encrypt_to

log = structlog.get_logger("worker")

TEMPLATE = Path(__file__).with_name("access_copy.html")
SCHEMA = Path(__file__).resolve().parents[1] / "static" / "schemas" / "access-copy-1.json"
PREFIX = "c"
PIECE = 1024 * 1024
NOT_INCLUDED = (
    (
        "证件照片、学生证照片和证件号码：它们在收到的那一刻就封存了，本网站打不开，所以拿不出来。"
        "“封存的材料”一表列出有哪些、什么时候收到、密文的摘要，“材料流转与凭证”一表有签名凭证。"
        "要看照片，请看您自己的原件，或者联系收到它的主办单位（见“交给了谁”）。"
    ),
    "通话录音：封存着，本网站打不开。需要收听的，请联系客服，核对身份后由经批准的人安排。",
    "密码、动态验证码密钥和备用码：我们只有不可逆的摘要或加密值，给出它们只会让账号不安全。",
    "不再联系的号码：只有用密钥算出的标记，看不出是谁的号码。",
)


def build(context: Context, copy_id: uuid.UUID) -> bool:
    """Make one copy; tell whether one was made. Doing it twice makes no second."""
    with context.sessions() as session, transaction(session):
        copy = session.get(AccessCopy, copy_id, with_for_update=True)
        if copy is None or copy.state is not CopyState.ORDERED or copy.facts is None:
            return False
        if copy.expires_at <= clock.now():
            return False
        # Known before it is there, so that a copy left behind by a crash is destroyed too.
        copy.object_key = copy.object_key or new_key(PREFIX)
        key, recipient, account_id = copy.object_key, copy.recipient, copy.account_id
        facts: dict[str, Any] = json.loads(copy.facts)
    with context.sessions() as session:
        rows = {**facts, **holdings.read(session, account_id, by_worker=True)}
    made = pack(content(rows, clock.now()))
    with context.objects.release_writer(key) as out:
        sealed = encrypt_to(out, _pieces(made), [recipient])
    with context.sessions() as session, transaction(session):
        copy = session.get_one(AccessCopy, copy_id, with_for_update=True)
        if copy.state is not CopyState.ORDERED:
            return False
        copy.state = CopyState.READY
        copy.facts = None
        copy.file_bytes = sealed.length
        copy.ready_at = clock.now()
        record(session, WORKER, "rights.build_copy", "access_copy", copy_id, bytes=sealed.length)
        state = session.scalar(select(Account.status).where(Account.id == account_id))
        if state is AccountStatus.ACTIVE:
            notify(session, account_id, "rights_copy_ready", access_copy_id=copy_id)
    return True


def content(rows: dict[str, list[list[Any]]], made_at: datetime) -> dict[str, Any]:
    """Return the copy as ``data.json`` holds it (static/schemas/access-copy-1.json)."""
    parts = []
    for part in holdings.PARTS:
        category = REGISTRY[part.category]
        keys = [key for key, _label in part.columns]
        parts.append(
            {
                "key": part.key,
                "label": str(part.label),
                "category": {
                    "key": category.key,
                    "label": str(category.label),
                    "purpose": str(category.purpose),
                    "basis": str(category.basis),
                    "recipients": str(category.recipients),
                    "days": category.days,
                    "counted_from": str(category.counted_from),
                    "source": category.source,
                },
                "columns": [{"key": key, "label": str(label)} for key, label in part.columns],
                "rows": [dict(zip(keys, row, strict=True)) for row in rows[part.key]],
            }
        )
    return {
        "format": "heyan-access-copy",
        "version": 1,
        "made_at": clock.local(made_at).isoformat(timespec="seconds"),
        "timezone": "Asia/Shanghai",
        "not_included": list(NOT_INCLUDED),
        "parts": parts,
    }


def pack(data: dict[str, Any]) -> bytes:
    """Return the ZIP: readable page, JSON with its schema, a table a part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", _page(data))
        archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1))
        archive.writestr("schema.json", SCHEMA.read_bytes())
        for part in data["parts"]:
            archive.writestr(f"csv/{part['key']}.csv", _table(part))
    return out.getvalue()


def _page(data: dict[str, Any]) -> str:
    pages = Environment(autoescape=True, undefined=StrictUndefined)
    return pages.from_string(TEMPLATE.read_text(encoding="utf-8")).render(data, readable=readable)


def _table(part: dict[str, Any]) -> bytes:
    """Return a CSV that spreadsheets read as text, whatever a person typed (C-55)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column["label"] for column in part["columns"]])
    keys = [column["key"] for column in part["columns"]]
    for row in part["rows"]:
        writer.writerow(["" if row[key] is None else guarded(str(row[key])) for key in keys])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


def expire(context: Context) -> int:
    """Destroy copies whose 72 hours are over, and prove it; return how many."""
    with context.sessions() as session:
        due = session.scalars(
            select(AccessCopy.id)
            .where(AccessCopy.destroyed_at.is_(None), AccessCopy.expires_at <= clock.now())
            .limit(200)
        ).all()
    for copy_id in due:
        destroy(context, copy_id)
    return len(due)


def destroy(context: Context, copy_id: uuid.UUID) -> None:
    """Destroy one copy's file, all versions, and say so."""
    with context.sessions() as session:
        key = session.get_one(AccessCopy, copy_id).object_key
    versions = context.objects.destroy_release(key) if key else 0
    with context.sessions() as session, transaction(session):
        copy = session.get_one(AccessCopy, copy_id, with_for_update=True)
        copy.state = CopyState.DESTROYED
        copy.facts = copy.opener = None
        copy.destroyed_at = clock.now()
        record(session, WORKER, "rights.destroy_copy", "access_copy", copy_id, versions=versions)
