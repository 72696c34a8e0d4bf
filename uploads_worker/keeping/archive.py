"""The legal archive at the worker: what ends there, and what goes out on an authority's order.

Nobody here can open an object of the archive: it is sealed to the operator's offline recipient.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from pathlib import Path

from sqlalchemy import select

from heyan import clock
from heyan.audit.service import OPERATOR, WORKER, record
from heyan.custody.objects import new_key
from heyan.db import transaction
from heyan.retention.archiving import PREFIX
from heyan.retention.models import ArchiveItem, AuthorityQuery
from uploads_worker import tombstones
from uploads_worker.context import Context

BATCH = 200


class NotApproved(Exception):
    """The order is not there, not approved by both, refused, or was carried out before."""


def move(context: Context) -> int:
    """Move ciphertexts that wait in the database into the object store; return how many."""
    with context.sessions() as session:
        waiting = session.scalars(
            select(ArchiveItem).where(ArchiveItem.waiting.is_not(None)).limit(BATCH)
        ).all()
    for seen in waiting:
        key = new_key(PREFIX)
        # First the object: one that a crash leaves without its row is swept after a day.
        context.objects.put_sealed(key, bytes(seen.waiting or b""))
        with context.sessions() as session, transaction(session):
            row = session.get_one(ArchiveItem, seen.id, with_for_update=True)
            if row.object_key is None:
                row.object_key, row.waiting = key, None
    return len(waiting)


def expire(context: Context) -> int:
    """Destroy what the statute's term no longer keeps, all versions; return how many."""
    with context.sessions() as session:
        due = session.scalars(
            select(ArchiveItem)
            .where(ArchiveItem.destroyed_at.is_(None), ArchiveItem.destroy_due_at <= clock.now())
            .limit(BATCH)
        ).all()
    for seen in due:
        versions = context.objects.destroy_sealed(seen.object_key) if seen.object_key else 0
        with context.sessions() as session, transaction(session):
            row = session.get_one(ArchiveItem, seen.id, with_for_update=True)
            row.destroyed_at, row.waiting = clock.now(), None
            tombstones.add(
                context, session, "archive", row.id, "term_over",
                destroyed_at=row.destroyed_at, object_key=row.object_key,
            )  # fmt: skip
            record(session, WORKER, "archive.destroy", "archive", row.id, versions=versions)
    return len(due)


def destroy_again(context: Context, item_id: uuid.UUID) -> bool:
    """Destroy an object that a restore brought back; tell whether there was one."""
    with context.sessions() as session:
        row = session.get(ArchiveItem, item_id)
    if row is None or row.destroyed_at is not None:
        return False
    if row.object_key:
        context.objects.destroy_sealed(row.object_key)
    with context.sessions() as session, transaction(session):
        again = session.get_one(ArchiveItem, item_id)
        again.destroyed_at, again.waiting = clock.now(), None
    return True


def hand_out(context: Context, query_id: uuid.UUID, folder: Path) -> int:
    """Copy the sealed objects in an approved order's scope into *folder*; return how many.

    They are ciphertexts still: the operator opens them apart from every host of this site.
    Raises `NotApproved`; a second time, too, so that each order has one record.
    """
    with context.sessions() as session, transaction(session):
        order = session.get(AuthorityQuery, query_id, with_for_update=True)
        if (
            order is None
            or order.approved_at is None
            or order.refused_at is not None
            or order.handed_at is not None
        ):
            raise NotApproved
        wanted = [uuid.UUID(one) for one in order.account_ids]
        items = session.scalars(
            select(ArchiveItem)
            .where(ArchiveItem.account_id.in_(wanted), ArchiveItem.destroyed_at.is_(None))
            .order_by(ArchiveItem.id)
        ).all()
        folder.mkdir(parents=True, mode=0o700)
        listing = []
        for item in items:
            sealed = bytes(item.waiting or b"") or context.objects.get_sealed(
                item.object_key or "", sha256=bytes(item.ciphertext_sha256)
            )
            name = f"{item.id}.age"
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(sealed)
            listing.append({"file": name, "sha256": hashlib.sha256(sealed).hexdigest()})
        (folder / "scope.json").write_text(
            json.dumps({"order": str(query_id), "objects": listing}, indent=1), encoding="utf-8"
        )
        order.handed_at, order.handed_objects = clock.now(), len(items)
        record(
            session, OPERATOR, "archive.hand_out", "authority_query", query_id,
            accounts=len(wanted), objects=len(items),
        )  # fmt: skip
        return len(items)


__all__ = ["PREFIX", "NotApproved", "destroy_again", "expire", "hand_out"]
