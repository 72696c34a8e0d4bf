"""Tell everybody of a material change of the terms, once each, and remind once (K1, S-109).

In pages, each one transaction: cut short anywhere, the next run goes on where this one stopped.
"""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, exists, select, text, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import WORKER, record
from heyan.db import transaction
from heyan.notifications import kinds
from heyan.notifications.models import MessageChannel, Reach
from heyan.notifications.service import notify
from heyan.policies.models import PolicyAnswer, PolicyNotice, PolicySaid, PolicyVersion
from uploads_worker.context import Context

PAGE = 200


def tell_policy(context: Context, policy_id: str) -> int:
    """Tell every account of one version that was not told; return how many were."""
    return _tell(context, uuid.UUID(policy_id))


def tend_policies(context: Context) -> None:
    """Tell who was left out, and remind who has not decided once a version is in force."""
    with context.sessions() as session:
        rows = session.execute(
            select(PolicyVersion.id, PolicyVersion.effective_at).where(PolicyVersion.material)
        ).all()
    for policy_id, effective_at in rows:
        _tell(context, policy_id)
        if effective_at <= clock.now():
            _remind(context, policy_id)


def _here(policy_id: uuid.UUID) -> ColumnElement[bool]:
    """Live public accounts that were here before the version took effect."""
    effective = (
        select(PolicyVersion.effective_at).where(PolicyVersion.id == policy_id).scalar_subquery()
    )
    return (
        (Account.realm == Realm.PUBLIC)
        & (Account.status == AccountStatus.ACTIVE)
        & (Account.created_at < effective)
    )


def _tell(context: Context, policy_id: uuid.UUID) -> int:
    told = 0
    while True:
        with context.sessions() as session, transaction(session):
            _one_at_a_time(session, policy_id)
            people = session.scalars(
                select(Account.id)
                .where(
                    _here(policy_id),
                    ~exists(
                        select(PolicyNotice.policy_id).where(
                            PolicyNotice.policy_id == policy_id,
                            PolicyNotice.account_id == Account.id,
                        )
                    ),
                )
                .order_by(Account.id)
                .limit(PAGE)
            ).all()
            for account_id in people:
                channels = _channels(session, account_id)
                session.add(
                    PolicyNotice(
                        policy_id=policy_id,
                        account_id=account_id,
                        mailed=MessageChannel.EMAIL in channels,
                        texted=MessageChannel.SMS in channels,
                        told_at=clock.now(),
                    )
                )
                notify(session, account_id, "policy_changed", policy_id=policy_id)
            if people:
                record(session, WORKER, "policies.tell", "policy", policy_id, count=len(people))
        told += len(people)
        if len(people) < PAGE:
            return told


def _channels(session: Session, account_id: uuid.UUID) -> set[MessageChannel]:
    goes = kinds.of("policy_changed").channels
    reached = session.scalars(select(Reach.channel).where(Reach.account_id == account_id))
    return {channel for channel in reached if channel in goes}


def _remind(context: Context, policy_id: uuid.UUID) -> None:
    decided = exists(
        select(PolicyAnswer.id).where(
            PolicyAnswer.policy_id == policy_id,
            PolicyAnswer.account_id == PolicyNotice.account_id,
            PolicyAnswer.said.in_((PolicySaid.AGREED, PolicySaid.DECLINED)),
        )
    )
    live = exists(select(Account.id).where(Account.id == PolicyNotice.account_id, _here(policy_id)))
    while True:
        with context.sessions() as session, transaction(session):
            _one_at_a_time(session, policy_id)
            people = session.scalars(
                select(PolicyNotice.account_id)
                .where(
                    PolicyNotice.policy_id == policy_id,
                    PolicyNotice.reminded_at.is_(None),
                    ~decided,
                    live,
                )
                .order_by(PolicyNotice.account_id)
                .limit(PAGE)
            ).all()
            session.execute(
                update(PolicyNotice)
                .where(PolicyNotice.policy_id == policy_id, PolicyNotice.account_id.in_(people))
                .values(reminded_at=clock.now())
                .execution_options(synchronize_session=False)
            )
            for account_id in people:
                notify(session, account_id, "policy_due", policy_id=policy_id)
            if people:
                record(session, WORKER, "policies.remind", "policy", policy_id, count=len(people))
        if len(people) < PAGE:
            return


def _one_at_a_time(session: Session, policy_id: uuid.UUID) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"policy:{policy_id}"},
    )
