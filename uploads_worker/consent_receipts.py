"""Sign a receipt for every line of an account's consent ledger that has none yet."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, load_only

from heyan import clock
from heyan.consent.models import ConsentReceipt, ConsentRecord
from heyan.custody.consent_receipts import ConsentStatement, sign_consent
from heyan.db import transaction
from uploads_worker.context import Context

BATCH = 500


def sign_consents(context: Context) -> int:
    """Sign what has no receipt yet; return how many were signed.

    Lines of leads, calls and visitors have nobody who could sign in and fetch one.
    """
    done = 0
    while True:
        with context.sessions() as session, transaction(session):
            session.execute(
                text("SELECT pg_advisory_xact_lock(hashtextextended('consent_receipts', 0))")
            )
            found = _sign_batch(context, session)
        done += found
        if found < BATCH:
            return done


def _sign_batch(context: Context, session: Session) -> int:
    said = ConsentRecord
    rows = session.scalars(
        select(said)
        .options(
            load_only(
                said.account_id, said.registration_id, said.student_id, said.purpose, said.granted,
                said.at, said.policy_version, said.policy_sha256, said.text_shown, said.details,
            )
        )
        .outerjoin(ConsentReceipt, ConsentReceipt.consent_id == said.id)
        .where(ConsentReceipt.consent_id.is_(None), said.account_id.is_not(None))
        .order_by(said.id)
        .limit(BATCH)
    ).all()  # fmt: skip
    root, now = context.keyring.root, clock.now()
    signed = [
        {
            "consent_id": row.id,
            "signed_at": now,
            "envelope": sign_consent(
                ConsentStatement(
                    consent_id=str(row.id),
                    account_id=str(row.account_id),
                    registration_id=str(row.registration_id) if row.registration_id else None,
                    student_id=str(row.student_id) if row.student_id else None,
                    purpose=row.purpose,
                    granted=row.granted,
                    at=row.at,
                    policy_version=row.policy_version,
                    policy_sha256=row.policy_sha256.hex(),
                    text_shown=row.text_shown,
                    details=row.details,
                ),
                root,
            ),
        }
        for row in rows
    ]
    if signed:
        session.execute(insert(ConsentReceipt).on_conflict_do_nothing(), signed)
    return len(signed)
