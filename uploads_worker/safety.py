"""Find the same number, or the very same file, of different people within one event (C6).

Duplicates are found by HMAC-SHA-256 under a key derived from the event's vault key: it exists only
while that key does, and only here (Q4, Q6). The web learns that something was flagged, no more.
Nothing here holds anything back or refuses anybody: people decide (L-14).
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import ColumnElement, delete, exists, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import WORKER, record
from heyan.custody.sealing import SealContext
from heyan.db import transaction, uuid7
from heyan.documents.models import Document
from heyan.events.models import Event, EventStatus
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.retention import holds
from heyan.safety.intake import digest_context
from heyan.safety.models import (
    FlagKind,
    FlagState,
    MarkKind,
    SafetyFlag,
    SafetyMark,
    SafetySource,
    SafetySubject,
    SealedDigest,
)
from uploads_worker.context import Context
from uploads_worker.keeping.rules import overdue, rule
from uploads_worker.keyring import KeyringError
from uploads_worker.opening import OpeningFailed, open_sealed
from uploads_worker.rotation import ID_NUMBER
from uploads_worker.safety_flags import add_subjects, raise_flag

log = structlog.get_logger("worker")

FLAG_OF = {MarkKind.NUMBER: FlagKind.SAME_NUMBER, MarkKind.FILE: FlagKind.SAME_FILE}
_NOT_HANDED_IN = (RegistrationStatus.DRAFT, RegistrationStatus.WITHDRAWN)
# A mark that was made: of what, whose, and the digest.
Made = tuple[MarkKind, uuid.UUID, bytes]


class NoKey(Exception):
    """The event has no key any more, or none yet: nothing can be compared."""


def duplicates_key(context: Context, event_id: uuid.UUID) -> tuple[str, bytes]:
    """Return the key that an event's digests are made with, and the vault key it comes from.

    Derived from the event's oldest vault key, so that a rotation changes no digest; destroyed
    with it. Raises `NoKey`.
    """
    for entry in context.keyring.vault_keys(event_id):
        if entry.status != "destroyed":
            private = context.keyring.vault_private_key(entry.key_id)
            derive = HKDF(SHA256(), 32, salt=event_id.bytes, info=b"heyan-duplicates/1")
            return entry.key_id, derive.derive(private)
    raise NoKey


# --- duplicates within one event -------------------------------------------------------------


def check_duplicates(context: Context, registration_id: uuid.UUID) -> None:
    """Compare a registration's number and files with those of its event, once each."""
    with context.sessions() as session:
        registration = session.get(Registration, registration_id)
        if registration is None or registration.status in _NOT_HANDED_IN:
            return
        sealed = session.scalars(
            select(SealedDigest)
            .join(Document, Document.id == SealedDigest.document_id)
            .where(SealedDigest.registration_id == registration_id, Document.destroyed_at.is_(None))
        ).all()
    try:
        key_id, key = duplicates_key(context, registration.event_id)
    except NoKey:
        return
    made = [*_number(context, registration, key), *_files(context, registration, sealed, key)]
    with context.sessions() as session, transaction(session):
        # One after another within an event: of two at once, the second sees the first.
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"duplicates:{registration.event_id}"},
        )
        for kind, subject_id, digest in made:
            if _keep(session, registration, key_id, kind, subject_id, digest):
                _compare(session, registration, key_id, kind, digest)
        session.execute(
            delete(SealedDigest).where(
                SealedDigest.document_id.in_([row.document_id for row in sealed])
            )
        )


def _number(context: Context, row: Registration, key: bytes) -> Iterable[Made]:
    if row.id_number_sealed is None:
        return
    number = _open(
        context,
        bytes(row.id_number_sealed),
        row.id_number_key_id or "",
        SealContext(row.event_id, row.id, row.id, ID_NUMBER),
        bytes(row.id_number_sha256 or b""),
        bytes(row.id_number_commitment or b""),
    )
    if number is not None:
        yield MarkKind.NUMBER, row.id, _digest(key, MarkKind.NUMBER, number)


def _files(
    context: Context, row: Registration, sealed: Iterable[SealedDigest], key: bytes
) -> Iterable[Made]:
    for one in sealed:
        found = _open(
            context,
            bytes(one.sealed),
            one.vault_key_id,
            digest_context(row.event_id, row.id, one.document_id),
            bytes(one.ciphertext_sha256),
            bytes(one.commitment),
        )
        if found is not None:
            yield MarkKind.FILE, one.document_id, _digest(key, MarkKind.FILE, found)


def _digest(key: bytes, kind: MarkKind, value: bytes) -> bytes:
    return hmac.digest(key, kind.value.encode() + b"\0" + value, "sha256")


def _open(
    context: Context,
    ciphertext: bytes,
    key_id: str,
    where: SealContext,
    sha256: bytes,
    commitment: bytes,
) -> bytes | None:
    """Open one, or say on record that it does not open: the batch will find the same."""
    try:
        return open_sealed(
            ciphertext,
            private_key=context.keyring.vault_private_key(key_id),
            context=where,
            sha256=sha256,
            commitment=commitment,
        )
    except (OpeningFailed, KeyringError):
        log.warning("duplicates.unopenable", registration_id=str(where.registration_id))
        with context.sessions() as session, transaction(session):
            record(
                session, WORKER, "safety.compare", "registration", where.registration_id,
                outcome="failed", of=where.kind,
            )  # fmt: skip
        return None


def _keep(
    session: Session,
    registration: Registration,
    key_id: str,
    kind: MarkKind,
    subject_id: uuid.UUID,
    digest: bytes,
) -> bool:
    """Keep a mark; tell whether it is new or another than before."""
    same = {"key_id": key_id, "keyed_digest": digest}
    statement = insert(SafetyMark).values(
        id=uuid7(),
        kind=kind,
        event_id=registration.event_id,
        registration_id=registration.id,
        student_id=registration.student_id,
        subject_id=subject_id,
        **same,
    )
    changed = or_(SafetyMark.keyed_digest != digest, SafetyMark.key_id != key_id)
    kept = session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject_id"], set_=same, where=changed
        ).returning(SafetyMark.id)
    ).first()
    return kept is not None


def _compare(
    session: Session, registration: Registration, key_id: str, kind: MarkKind, digest: bytes
) -> None:
    """Flag the registrations of an event that carry the same mark for different students."""
    rows = session.execute(
        select(SafetyMark.registration_id, SafetyMark.student_id)
        .join(Registration, Registration.id == SafetyMark.registration_id)
        .where(
            SafetyMark.event_id == registration.event_id,
            SafetyMark.kind == kind,
            SafetyMark.key_id == key_id,
            SafetyMark.keyed_digest == digest,
            Registration.status != RegistrationStatus.WITHDRAWN,
        )
    ).all()
    if len({student_id for _id, student_id in rows}) < 2:
        return
    ids = {registration_id for registration_id, _student in rows}
    flag_id = _flag_of(session, FLAG_OF[kind], registration.event_id, ids)
    if flag_id is None:
        event = session.execute(
            select(Event.destroy_at).where(Event.id == registration.event_id)
        ).scalar_one()
        flag_id = raise_flag(session, FLAG_OF[kind], event_id=registration.event_id, until=event)
    add_subjects(session, flag_id, [{"registration_id": one} for one in sorted(ids)])


def _flag_of(
    session: Session, kind: FlagKind, event_id: uuid.UUID, ids: set[uuid.UUID]
) -> uuid.UUID | None:
    """Return the open flag about some of these, or a decided one about all of them."""
    flags = session.execute(
        select(SafetyFlag.id, SafetyFlag.state, SafetySubject.registration_id)
        .join(SafetySubject, SafetySubject.flag_id == SafetyFlag.id)
        .where(SafetyFlag.kind == kind, SafetyFlag.event_id == event_id)
        .where(SafetySubject.registration_id.in_(ids))
        .order_by(SafetyFlag.id)
    ).all()
    about: dict[uuid.UUID, set[uuid.UUID | None]] = {}
    for flag_id, state, registration_id in flags:
        about.setdefault(flag_id, set()).add(registration_id)
        if state is FlagState.OPEN:
            return flag_id
    return next((flag_id for flag_id, known in about.items() if known == ids), None)


# --- the end ---------------------------------------------------------------------------------


def _ended() -> ColumnElement[bool]:
    """Return the condition for a flag whose event's key is destroyed."""
    return exists().where(Event.id == SafetyFlag.event_id, Event.status == EventStatus.ENDED)


def _number_gone() -> ColumnElement[bool]:
    return exists().where(
        Registration.id == SafetyMark.registration_id,
        or_(
            Registration.id_number_sealed.is_(None),
            Registration.status == RegistrationStatus.WITHDRAWN,
        ),
    )


def _mark_over() -> ColumnElement[bool]:
    """Return the condition for a mark whose number or file is gone."""
    document_gone = exists().where(
        Document.id == SafetyMark.subject_id, Document.destroyed_at.is_not(None)
    )
    kept = holds.not_held("registration", SafetyMark.registration_id)
    return kept & or_(
        (SafetyMark.kind == MarkKind.NUMBER) & _number_gone(),
        (SafetyMark.kind == MarkKind.FILE) & document_gone,
    )


def _sealed_over() -> ColumnElement[bool]:
    return exists().where(
        Document.id == SealedDigest.document_id, Document.destroyed_at.is_not(None)
    )


def forget_event(session: Session, event_id: uuid.UUID) -> None:
    """Delete an event's marks, now that their key is destroyed: they compare with nothing."""
    session.execute(delete(SafetyMark).where(SafetyMark.event_id == event_id))


def expire(context: Context) -> int:
    """Delete marks with what they are of, flags with their event or after their period."""
    now = clock.now()
    since = now - timedelta(hours=context.settings.safety_source_hours)
    statements = (
        delete(SealedDigest).where(_sealed_over()),
        delete(SafetyMark).where(_mark_over()),
        delete(SafetyFlag).where((SafetyFlag.delete_after <= now) | _ended()),
        delete(SafetySource).where(SafetySource.at < since),
    )
    gone = 0
    for statement in statements:
        with context.sessions() as session, transaction(session):
            done = session.execute(statement, execution_options={"synchronize_session": False})
            gone += int(done.rowcount)  # type: ignore[attr-defined] # a DELETE's result has it
    return gone


def _due(session: Session, moment: datetime) -> int:
    flags = overdue(SafetyFlag, lambda now: SafetyFlag.delete_after <= now)
    ended = exists().where(Event.id == SafetyMark.event_id, Event.status == EventStatus.ENDED)
    return flags(session, moment) + overdue(SafetyMark, lambda _now: ended)(session, moment)


RULES = (
    rule(
        "safety",
        "safety.flag safety.mark",
        "safety_flags safety_acts safety_sources safety_sealed safety_marks",
        _due,
    ),
)
