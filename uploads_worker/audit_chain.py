"""Chain the audit trail, sign its head, anchor it outside the database, verify it (C-65).

An entry is linked when it can be seen, not in the order of its number: entries of transactions
that took long come later, so the chain never breaks and never waits. ``hash`` is SHA-256 of the
previous hash and the entry in canonical JSON. A seal is the root's word for a head; it is kept in
the database, and the newest one beside it in ``AUDIT_ANCHORS``, with an hourly file that stays.

After the registry's three years entries go (`uploads_worker.audit_expiry`); what is left then
begins behind a seal that is as old, and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.models import AuditEntry, AuditLink, AuditSeal
from heyan.audit.service import WORKER, record
from heyan.custody import signing
from heyan.db import transaction
from heyan.policies import promises
from uploads_worker import keyring_file
from uploads_worker.context import Context

log = structlog.get_logger("worker")

SEAL_FORMAT = "heyan-audit-seal/1"
GENESIS = bytes(32)
BATCH = 1000
# How far back an entry's number may lie behind the newest linked one; the hourly pass has no such
# bound.
WINDOW = 20_000


@dataclass(frozen=True)
class Fault:
    """The first place where the trail does not hold. ``seq`` counts in the chain."""

    kind: str
    seq: int
    entry_id: int | None
    message: str


def canonical_entry(entry: AuditEntry) -> dict[str, Any]:
    """Return what is hashed of an entry."""
    return {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_kind": entry.actor_kind,
        "actor_id": None if entry.actor_id is None else str(entry.actor_id),
        "action": entry.action,
        "subject_kind": entry.subject_kind,
        "subject_id": entry.subject_id,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "source": None if entry.source is None else str(entry.source),
        "details": entry.details,
    }


def link_hash(prev: bytes, entry: AuditEntry) -> bytes:
    """Return an entry's hash in the chain."""
    return hashlib.sha256(prev + signing.canonical(canonical_entry(entry))).digest()


# --- linking and sealing ---------------------------------------------------------------------


def link_and_seal(context: Context, *, whole: bool = False) -> int:
    """Link every entry that can be seen and is not linked, and seal the head; return how many."""
    linked = 0
    while True:
        with context.sessions() as session, transaction(session):
            _alone(session)
            if linked == 0:
                _notice_cut(context, session)
            found = _link_batch(session, whole=whole)
            envelope = _seal(context, session) if found < BATCH else None
        linked += found
        if envelope is not None:
            _write(context.settings.anchors / "latest.json", envelope)
        if found < BATCH:
            return linked


def _alone(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('audit-chain', 0))"))


def _head(session: Session) -> tuple[int, bytes]:
    row = session.execute(
        select(AuditLink.seq, AuditLink.hash).order_by(AuditLink.seq.desc()).limit(1)
    ).first()
    return (0, GENESIS) if row is None else (int(row[0]), bytes(row[1]))


def _link_batch(session: Session, *, whole: bool) -> int:
    seq, prev = _head(session)
    query = (
        select(AuditEntry)
        .outerjoin(AuditLink, AuditLink.entry_id == AuditEntry.id)
        .where(AuditLink.entry_id.is_(None))
        .order_by(AuditEntry.at, AuditEntry.id)
        .limit(BATCH)
    )
    if not whole and seq:
        newest = session.scalar(
            select(AuditLink.entry_id).order_by(AuditLink.entry_id.desc()).limit(1)
        )
        query = query.where(AuditEntry.id > (newest or 0) - WINDOW)
    links = []
    for entry in session.scalars(query):
        seq += 1
        digest = link_hash(prev, entry)
        links.append(AuditLink(seq=seq, entry_id=entry.id, prev=prev, hash=digest))
        prev = digest
    session.add_all(links)
    session.flush()
    return len(links)


def _seal(context: Context, session: Session) -> str | None:
    """Sign the head unless it is signed already; return the envelope when it is new."""
    seq, digest = _head(session)
    last = session.scalars(select(AuditSeal).order_by(AuditSeal.seq.desc()).limit(1)).first()
    if seq == 0 or (last is not None and last.seq >= seq):
        return None
    now = clock.now()
    payload = signing.canonical(
        {
            "format": SEAL_FORMAT,
            "seq": seq,
            "hash": digest.hex(),
            "at": now.isoformat(timespec="seconds"),
            "previous": None
            if last is None
            else hashlib.sha256(last.envelope.encode()).hexdigest(),
        }
    )
    envelope = signing.sign(signing.AUDIT_SEAL_TYPE, payload, context.keyring.root)
    session.add(AuditSeal(seq=seq, at=now, envelope=envelope))
    return envelope


def _notice_cut(context: Context, session: Session) -> None:
    """Write down when the database does not hold the chain that was sealed before.

    A tail that was cut and written anew, hashes and all, is as long as before: what stands at the
    sealed place counts, not how far the chain goes. Later seals would vouch for the new tail.
    """
    latest = context.settings.anchors / "latest.json"
    known = _read_seal(latest.read_text("utf-8"), roots(context)) if latest.exists() else None
    if known is None:
        return
    there = session.scalar(select(AuditLink.hash).where(AuditLink.seq == known["seq"]))
    if there is not None and bytes(there).hex() == known["hash"]:
        return
    seq, _digest = _head(session)
    log.error("audit.chain_behind", sealed=known["seq"], found=seq)
    record(
        session, WORKER, "audit.chain_behind", "audit_chain",
        outcome="failed", sealed=known["seq"], found=seq,
    )  # fmt: skip
    # Kept apart: what is written next would hide it.
    _write(latest.with_name(f"behind-{known['seq']}.json"), latest.read_text("utf-8"))
    latest.unlink()


def anchor(context: Context) -> Path | None:
    """Link and seal everything, and keep the newest seal in a file of its own."""
    link_and_seal(context, whole=True)
    with context.sessions() as session:
        last = session.scalars(select(AuditSeal).order_by(AuditSeal.seq.desc()).limit(1)).first()
    if last is None:
        return None
    target = context.settings.anchors / f"anchor-{last.seq:012d}.json"
    if not target.exists():
        _write(target, last.envelope)
    return target


def _write(target: Path, envelope: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    keyring_file.write_whole(target, envelope.encode(), wipe=False)


def roots(context: Context) -> list[Ed25519PublicKey]:
    """Return the public keys that may have signed a seal: the root and the ones before it."""
    return [context.keyring.root.public_key(), *context.keyring.earlier_roots]


# --- verifying -------------------------------------------------------------------------------


def _read_seal(envelope: str, keys: list[Ed25519PublicKey]) -> dict[str, Any] | None:
    """Return a seal's payload, or None when none of *keys* signed it."""
    for key in keys:
        try:
            found = json.loads(signing.verify(envelope, key, payload_type=signing.AUDIT_SEAL_TYPE))
        except signing.SignatureInvalid:
            continue
        if isinstance(found, dict) and found.get("format") == SEAL_FORMAT:
            return found
    return None


# What the root vouched for: place → hashes, each with the latest time it was sealed.
Said = dict[int, dict[str, str]]


def _seals(context: Context, session: Session) -> tuple[Said, Fault | None]:
    """Return what the root vouched for, from database and anchors."""
    said: Said = {}
    keys = roots(context)
    sources: list[tuple[str, int, str]] = [
        ("the seal", seal.seq, seal.envelope)
        for seal in session.scalars(select(AuditSeal).order_by(AuditSeal.seq))
    ]
    if context.settings.anchors.is_dir():
        for path in sorted(context.settings.anchors.glob("*.json")):
            sources.append((f"the anchor {path.name}", 0, path.read_text("utf-8", "replace")))
    for name, seq, envelope in sources:
        payload = _read_seal(envelope, keys)
        if payload is None or (seq and payload["seq"] != seq):
            return said, Fault("seal", seq, None, f"{name} at {seq} was not signed by the root")
        times = said.setdefault(payload["seq"], {})
        times[payload["hash"]] = max(payload["at"], times.get(payload["hash"], ""))
    return said, None


def walk(session: Session) -> Iterator[tuple[AuditLink, AuditEntry | None]]:
    """Yield the chain in order, each link with its entry (None when that is gone)."""
    after = -1
    while True:
        rows = session.execute(
            select(AuditLink, AuditEntry)
            .outerjoin(AuditEntry, AuditEntry.id == AuditLink.entry_id)
            .where(AuditLink.seq > after)
            .order_by(AuditLink.seq)
            .limit(BATCH)
        ).all()
        yield from ((row[0], row[1]) for row in rows)
        if len(rows) < BATCH:
            return
        after = rows[-1][0].seq
        session.expunge_all()


def verify(context: Context) -> tuple[int, Fault | None]:
    """Check entries, chain, seals and anchors; return how many links hold, and the first fault."""
    with context.sessions() as session:
        said, fault = _seals(context, session)
        count, prev = beginning(session, said)
        last_id = None
        for link, entry in walk(session):
            broken = _check_link(link, entry, count + 1, prev, said)
            if broken is not None:
                return count, broken
            count, prev, last_id = link.seq, bytes(link.hash), link.entry_id
        if said and max(said) > count:
            message = f"the tail is cut: {max(said)} entries were sealed, {count} are there"
            return count, Fault("cut", count + 1, last_id, message)
        return count, fault


def expired_before(session: Session) -> datetime:
    """Return until when entries may be gone, as was promised in their time."""
    return promises.cutoff(session, "audit", clock.now())


def beginning(session: Session, said: Said) -> tuple[int, bytes]:
    """Return the place before the first link and the hash it must follow.

    Entries may be missing in front only up to a seal that is older than they are kept.
    """
    first = session.execute(
        select(AuditLink.seq, AuditLink.prev).order_by(AuditLink.seq).limit(1)
    ).first()
    if first is None or first.seq == 1:
        return 0, GENESIS
    sealed = said.get(first.seq - 1, {}).get(bytes(first.prev).hex())
    if sealed is None or datetime.fromisoformat(sealed) > expired_before(session):
        return 0, GENESIS
    return first.seq - 1, bytes(first.prev)


def _check_link(
    link: AuditLink,
    entry: AuditEntry | None,
    expected: int,
    prev: bytes,
    said: Said,
) -> Fault | None:
    where = f"entry {link.entry_id} at place {link.seq}"
    if link.seq != expected:
        return Fault("gap", expected, link.entry_id, f"place {expected} is missing before {where}")
    if entry is None:
        return Fault("deleted", link.seq, link.entry_id, f"{where} was deleted")
    if bytes(link.prev) != prev:
        message = f"{where} does not follow the one before: inserted, removed or moved"
        return Fault("order", link.seq, link.entry_id, message)
    if link_hash(prev, entry) != bytes(link.hash):
        return Fault("changed", link.seq, link.entry_id, f"{where} was changed")
    if said.get(link.seq, {link.hash.hex(): ""}).keys() != {link.hash.hex()}:
        message = f"{where} is not the one that was sealed there"
        return Fault("rewritten", link.seq, link.entry_id, message)
    return None


# --- export ----------------------------------------------------------------------------------


def export(context: Context, target: Path) -> int:
    """Write the whole trail to *target* (0600, JSON lines) for `heyan_verify.py audit`."""
    link_and_seal(context, whole=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out, context.sessions() as session:
        seals = {one.seq: one.envelope for one in session.scalars(select(AuditSeal))}
        head: dict[str, Any] = {"format": "heyan-audit-export/1", "at": _text(clock.now())}
        before, _prev = beginning(session, _seals(context, session)[0])
        if before in seals:
            head["after"] = seals[before]
        out.write(json.dumps(head) + "\n")
        count = before
        for link, entry in walk(session):
            line = {
                "seq": link.seq,
                "prev": link.prev.hex(),
                "hash": link.hash.hex(),
                "entry": None if entry is None else canonical_entry(entry),
            }
            out.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
            if link.seq in seals:
                out.write(json.dumps({"seal": seals[link.seq]}) + "\n")
            count += 1
        out.write(json.dumps({"end": count}) + "\n")
    return count


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
