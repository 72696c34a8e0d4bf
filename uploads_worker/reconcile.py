"""Compare rows and objects: what is missing, changed or known to nobody is said (S-090)."""

from __future__ import annotations

import http
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import select

from heyan.audit.service import WORKER, record
from heyan.custody.objects import ObjectCorrupt, ObjectMissing
from heyan.db import transaction
from heyan.documents.models import Document
from uploads_worker.context import Context

log = structlog.get_logger("worker")

BATCH = 200
# No proxy of the environment: the store is asked as the settings name it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def reconcile(context: Context) -> dict[str, int]:
    """Read every sealed object and check its digest; report faults to the audit trail.

    Returns how many documents were looked at, and how many are missing or changed.
    """
    found = {"checked": 0, "missing": 0, "changed": 0}
    after = uuid.UUID(int=0)
    with ThreadPoolExecutor(context.settings.worker_threads) as pool:
        while True:
            with context.sessions() as session:
                page = list(
                    session.scalars(
                        select(Document)
                        .where(Document.destroyed_at.is_(None), Document.id > after)
                        .order_by(Document.id)
                        .limit(BATCH)
                    )
                )
            for document, fault in zip(
                page, pool.map(lambda one: _fault(context, one), page), strict=True
            ):
                found["checked"] += 1
                if fault is not None and _still(context, document):
                    found[fault] += 1
                    _report(context, document, fault)
            if len(page) < BATCH:
                break
            after = page[-1].id
    found["public"] = _public(context)
    if found["missing"] or found["changed"] or found["public"]:
        log.error("reconcile.faults", **found)
    return found


def _public(context: Context) -> int:
    """Ask for one object of each bucket as a stranger would; return how many answered.

    A bucket, or a policy on it, that was opened to everyone is found the same day (S-090).
    """
    store, answered = context.objects, 0
    for bucket, listed in (
        (store.sealed_bucket, store.list_sealed()),
        (store.releases_bucket, store.list_releases()),
    ):
        one = next(iter(listed), None)
        if one is not None and _answers(f"{store.endpoint_url}/{bucket}/{one.key}"):
            answered += 1
            with context.sessions() as session, transaction(session):
                record(session, WORKER, "objects.public", "bucket", bucket, outcome="failed")
    return answered


def _answers(address: str) -> bool:
    """Tell whether *address* (of our own settings) gives its bytes to someone without a key."""
    asked = urllib.request.Request(address, method="GET")  # noqa: S310 - http(s) of our own settings
    try:
        with _OPENER.open(asked, timeout=10) as answer:
            return bool(answer.status == http.HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


def _fault(context: Context, document: Document) -> str | None:
    try:
        context.objects.get_sealed(
            document.object_key, document.object_version, sha256=bytes(document.ciphertext_sha256)
        )
    except ObjectMissing:
        return "missing"
    except ObjectCorrupt:
        return "changed"
    return None


def _still(context: Context, seen: Document) -> bool:
    """Tell whether the row is what it was: destroyed or sealed anew meanwhile is no fault."""
    with context.sessions() as session:
        row = session.get(Document, seen.id)
    return row is not None and row.destroyed_at is None and row.object_key == seen.object_key


def _report(context: Context, document: Document, fault: str) -> None:
    with context.sessions() as session, transaction(session):
        record(
            session,
            WORKER,
            "documents.reconcile",
            "document",
            document.id,
            outcome="failed",
            fault=fault,
        )
