"""Recipients of somebody's data: told what changed, reminded, and their confirmation kept.

Knows no page and no registration's verbs, so that those can come here.
"""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.documents.models import CustodyEvent, CustodyStep, Document
from heyan.events.models import Event
from heyan.notifications.service import notify
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration
from heyan.rights.models import PartyNews, RightsParty

KINDS = {
    PartyNews.WITHDRAWN: "registration_withdrawn",
    PartyNews.CORRECTED: "registration_corrected",
}


class NewsUnknown(Exception):
    """No such message to this organizer, or it was confirmed already."""


def tell(session: Session, registration: Registration, news: PartyNews) -> None:
    """Tell the organizer of a registration's event, in the caller's transaction.

    *registration* has its event loaded. The message is a row until somebody there confirms it.
    """
    organization_id = registration.event.organization_id
    session.add(
        RightsParty(
            account_id=registration.account_id,
            registration_id=registration.id,
            organization_id=organization_id,
            news=news,
            told_at=clock.now(),
        )
    )
    members = session.scalars(
        select(Account.id).where(
            Account.organization_id == organization_id,
            Account.realm == Realm.ORGANIZER,
            Account.status == AccountStatus.ACTIVE,
        )
    )
    for account_id in members:
        notify(
            session,
            account_id,
            KINDS[news],
            registration_id=registration.id,
            number=registration.number or "",
        )


def holders(session: Session, account_id: uuid.UUID) -> list[tuple[Organization, int]]:
    """Return who was given documents of this account's students, and how many (S-057)."""
    given = (
        select(Document.id, Event.organization_id)
        .join(Registration, Registration.id == Document.registration_id)
        .join(Event, Event.id == Document.event_id)
        .where(
            Registration.account_id == account_id,
            select(CustodyEvent.id)
            .where(
                CustodyEvent.document_id == Document.id,
                CustodyEvent.step.in_((CustodyStep.OFFERED, CustodyStep.FETCHED)),
            )
            .exists(),
        )
    )
    counts: dict[uuid.UUID, int] = {}
    for _document_id, organization_id in session.execute(given):
        counts[organization_id] = counts.get(organization_id, 0) + 1
    found = session.scalars(
        select(Organization).where(Organization.id.in_(list(counts))).order_by(Organization.name)
    )
    return [(one, counts[one.id]) for one in found]


def news_for(session: Session, account_id: uuid.UUID) -> list[tuple[RightsParty, str]]:
    """Return what organizers were told of this account's data, and each one's name."""
    rows = session.execute(
        select(RightsParty, Organization.name)
        .join(Organization, Organization.id == RightsParty.organization_id)
        .where(RightsParty.account_id == account_id)
        .order_by(RightsParty.told_at.desc())
        .limit(50)
    )
    return [(row[0], row[1]) for row in rows]


def news_of(
    session: Session, organization_id: uuid.UUID, *, after: uuid.UUID | None, limit: int
) -> list[tuple[RightsParty, str | None]]:
    """Return what an organizer was told, the newest first, with the registrations' numbers."""
    query = (
        select(RightsParty, Registration.number)
        .join(Registration, Registration.id == RightsParty.registration_id)
        .where(RightsParty.organization_id == organization_id)
    )
    if after is not None:
        query = query.where(RightsParty.id < after)
    rows = session.execute(query.order_by(RightsParty.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def confirm(
    session: Session, actor: Actor, organization_id: uuid.UUID, party_id: uuid.UUID
) -> None:
    """Confirm that the organizer acted on a message of its own. Raises `NewsUnknown`."""
    with transaction(session):
        found = session.scalars(
            select(RightsParty)
            .where(RightsParty.id == party_id, RightsParty.organization_id == organization_id)
            .with_for_update()
        ).first()
        if found is None:
            raise NewsUnknown
        if found.confirmed_at is not None:
            return
        found.confirmed_at = clock.now()
        found.confirmed_by = actor.id
        state = session.scalar(select(Account.status).where(Account.id == found.account_id))
        if state is AccountStatus.ACTIVE:
            notify(session, found.account_id, "rights_confirmed")
        record(
            session, actor, "rights.party_confirm", "rights_party", found.id,
            news=found.news.value, registration_id=found.registration_id,
        )  # fmt: skip


def with_event(session: Session, registration_id: uuid.UUID) -> Registration:
    """Return a registration with its event, to tell of it."""
    return session.scalars(
        select(Registration)
        .where(Registration.id == registration_id)
        .options(joinedload(Registration.event))
    ).one()
