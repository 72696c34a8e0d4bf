"""Whether a viewing may be had at this moment: the approval stands, and nothing has ended.

Asked by the web at every request and while a download runs, and by the worker before it opens.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.approvals.models import AccessRequest
from heyan.assistance.models import AccountFreeze
from heyan.contacts.models import Recording
from heyan.documents.models import Document
from heyan.registrations.models import Registration
from heyan.viewings.models import StaffKey, StaffKeyStatus, Viewing, ViewingItem, ViewingState
from heyan.viewings.service import subject_ids

if TYPE_CHECKING:
    from heyan.approvals.service import Confirmed


def approval(session: Session, viewing: Viewing) -> Confirmed | None:
    """Return the approval behind *viewing* when it is full and live and of these very subjects.

    Rows that say otherwise than the approved request (another person, another record) count as
    no approval at all.
    """
    # Approving orders a viewing, so that module knows this package; here it is asked back.
    from heyan.approvals.service import confirmed

    found = confirmed(session, viewing.request_id)
    if found is None or found.requester_id != viewing.requester_id:
        return None
    if found.subject_kind != viewing.subject_kind:
        return None
    if frozenset(found.subject_ids) != subject_ids(session, viewing.id):
        return None
    return found


def purpose_of(session: Session, viewing: Viewing) -> str:
    """Return the purpose class that the request named (`heyan.approvals.wording.PURPOSES`)."""
    rows = select(AccessRequest.purpose).where(AccessRequest.id == viewing.request_id)
    return session.scalar(rows) or ""


def live(session: Session, viewing: Viewing) -> Confirmed | None:
    """Return the approval when *viewing* may be fetched now, else None (C-51)."""
    if viewing.state is not ViewingState.OFFERED or viewing.expires_at <= clock.now():
        return None
    if gone_subjects(session, viewing.id) or not _key_stands(session, viewing):
        return None
    if owner_frozen(session, viewing.id):
        return None
    return approval(session, viewing)


def live_again(session: Session, account_id: uuid.UUID, viewing_id: uuid.UUID) -> bool:
    """Tell the same of a viewing as the database knows it now, for a download that runs."""
    row = session.scalars(
        select(Viewing).where(Viewing.id == viewing_id, Viewing.requester_id == account_id)
    ).first()
    return row is not None and live(session, row) is not None


def gone_subjects(session: Session, viewing_id: uuid.UUID) -> bool:
    """Tell whether something in the file was destroyed meanwhile: then its copy goes as well."""
    included = (ViewingItem.viewing_id == viewing_id, ViewingItem.problem.is_(None))
    return any(
        session.scalars(
            select(table.id)
            .join(ViewingItem, ViewingItem.subject_id == table.id)
            .where(*included, table.destroyed_at.is_not(None))
            .limit(1)
        ).first()
        is not None
        for table in (Document, Recording)
    )


def owner_frozen(session: Session, viewing_id: uuid.UUID) -> bool:
    """Tell whether a document's account is in strange hands: nothing of it is shown (S-102)."""
    rows = (
        select(AccountFreeze.id)
        .join(Registration, Registration.account_id == AccountFreeze.account_id)
        .join(Document, Document.registration_id == Registration.id)
        .join(ViewingItem, ViewingItem.subject_id == Document.id)
        .where(ViewingItem.viewing_id == viewing_id, AccountFreeze.ended_at.is_(None))
    )
    return session.scalars(rows.limit(1)).first() is not None


def _key_stands(session: Session, viewing: Viewing) -> bool:
    """Tell whether the key that opens it has not been ended (lost, leaked, person left)."""
    rows = select(StaffKey.id).where(
        StaffKey.account_id == viewing.requester_id,
        StaffKey.recipient == viewing.recipient,
        StaffKey.status == StaffKeyStatus.PINNED,
    )
    return session.scalars(rows).first() is not None
