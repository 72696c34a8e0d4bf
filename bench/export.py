"""A copy of everything held about a full account: seconds and memory, against what they must cost.

Prints ``name value floor ratio``. ``export.copy_s`` is reading, laying out, zipping and sealing;
its floor is reading the same rows and deflating them once as JSON. ``export.copy_mib`` is the
most memory that it takes beside the rows' own JSON, whose size is the floor.
"""

from __future__ import annotations

import io
import json
import os
import time
import tracemalloc
import uuid
import zlib
from collections.abc import Callable
from datetime import timedelta

import _site
import pyrage
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock, db
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus, SignIn, SignInOutcome
from heyan.audit.models import AuditEntry
from heyan.documents.models import CustodyEvent, CustodyStep, Document, DocumentState
from heyan.events.models import DocumentKind, Event, VaultKey
from heyan.registrations.models import Registration, RegistrationAnswer, RegistrationStatus
from heyan.rights import holdings
from heyan.settings import Settings
from heyan.students.models import Relation, Student
from uploads_worker import access_copy
from uploads_worker.releases.sealing_out import encrypt_to

STUDENTS, REGISTRATIONS, DOCUMENTS, STEPS = 10, 6, 12, 8
SIGN_INS, ACTS = 2_000, int(os.environ.get("BENCH_ACTS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


def full_account(session: Session) -> uuid.UUID:
    """Fill an account as far as the site's own limits let one person."""
    moment = clock.now()
    account = Account(
        realm=Realm.PUBLIC,
        login="+8613911112222",
        login_index=os.urandom(16),
        second_factor_required=False,
        status=AccountStatus.ACTIVE,
        created_at=moment,
    )
    session.add(account)
    session.flush()
    event_id, key_id = session.execute(
        select(Event.id, VaultKey.key_id).join(VaultKey, VaultKey.event_id == Event.id).limit(1)
    ).one()
    for _student in range(STUDENTS):
        student = Student(
            account_id=account.id,
            name="王小满",
            birth_date="2008-03-04",
            relation=Relation.CHILD,
            created_at=moment,
        )
        session.add(student)
        session.flush()
        for _registration in range(REGISTRATIONS):
            _register(session, account.id, student.id, event_id, key_id)
    session.add_all(
        SignIn(
            account_id=account.id,
            at=moment - timedelta(minutes=number),
            outcome=SignInOutcome.SUCCEEDED,
            new_device=False,
            source="192.0.2.1",
            user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
        )
        for number in range(SIGN_INS)
    )
    session.add_all(
        AuditEntry(
            at=moment,
            actor_kind="public",
            actor_id=account.id,
            action="registrations.answer",
            subject_kind="registration",
            outcome="done",
            details={},
        )
        for _number in range(ACTS)
    )
    session.commit()
    return account.id


def _register(
    session: Session,
    account_id: uuid.UUID,
    student_id: uuid.UUID,
    event_id: uuid.UUID,
    key_id: str,
) -> None:
    moment = clock.now()
    registration = Registration(
        event_id=event_id,
        account_id=account_id,
        student_id=student_id,
        status=RegistrationStatus.WITHDRAWN,
        created_at=moment,
        updated_at=moment,
    )
    session.add(registration)
    session.flush()
    session.add_all(
        RegistrationAnswer(registration_id=registration.id, field_key=f"q{number}", value="答案")
        for number in range(10)
    )
    documents = [
        Document(
            registration_id=registration.id,
            event_id=event_id,
            kind=DocumentKind.ID_CARD_FRONT,
            state=DocumentState.SUPERSEDED,
            upload_token=uuid.uuid4().hex,
            object_key=f"d/{uuid.uuid4().hex}",
            vault_key_id=key_id,
            ciphertext_sha256=os.urandom(32),
            commitment=os.urandom(32),
            ciphertext_bytes=1,
            picture_bytes=1,
            width=1,
            height=1,
            spec_version=1,
            received_at=moment,
            destroy_due_at=moment + timedelta(days=30),
            destroy_reason="event_end",
        )
        for _number in range(DOCUMENTS)
    ]
    session.add_all(documents)
    session.flush()
    session.add_all(
        CustodyEvent(
            document_id=document.id,
            step=CustodyStep.SEALED,
            at=moment,
            policy_version="1.0",
            details={},
        )
        for document in documents
        for _number in range(STEPS)
    )


def main() -> None:
    """Measure."""
    with _site.running() as (machine, _demo):
        settings = Settings.from_env(machine.variables.web())
        db.use_contact_keys(db.parse_contact_keys(settings.contact_keys, settings.index_key))
        engine = db.make_engine(settings.database_url)
        with Session(engine) as session:
            account_id = full_account(session)
        recipient = str(pyrage.x25519.Identity.generate().to_public())

        def rows() -> dict[str, list[list[holdings.Value]]]:
            with Session(engine) as session:
                return {
                    **holdings.read(session, account_id, by_worker=False),
                    **holdings.read(session, account_id, by_worker=True),
                }

        def copy() -> int:
            made = access_copy.pack(access_copy.content(rows(), clock.now()))
            return encrypt_to(io.BytesIO(), iter([made]), [recipient]).length

        def floor() -> int:
            return len(zlib.compress(json.dumps(rows(), ensure_ascii=False).encode()))

        took, least = _fastest(copy), _fastest(floor)
        held = len(json.dumps(rows(), ensure_ascii=False).encode())
        tracemalloc.start()
        copy()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        engine.dispose()
    _site.line("export.copy_s", took, least)
    _site.line("export.copy_mib", peak / 2**20, held / 2**20)


def _fastest(act: Callable[[], object]) -> float:
    best = float("inf")
    for _round in range(ROUNDS):
        began = time.monotonic()
        act()
        best = min(best, time.monotonic() - began)
    return best


if __name__ == "__main__":
    main()
