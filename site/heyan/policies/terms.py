"""The verbs of who is asked about changed terms: agree, decline, or decide before they apply."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import Session, aliased

from heyan import clock
from heyan.access import Realm
from heyan.accounts.models import Account, AccountStatus
from heyan.audit.service import Actor, record
from heyan.consent import service as consents
from heyan.consent.purposes import ACCOUNT
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.policies import standing
from heyan.policies.models import PolicyAnswer, PolicyNotice, PolicySaid, PolicyVersion


class NotAsked(Exception):
    """This account is not asked about that version."""


class TooLateForLater(Exception):
    """The version is in force: it cannot be put off any more."""


def answer(
    session: Session,
    actor: Actor,
    account_id: uuid.UUID,
    policy_ids: Iterable[uuid.UUID],
    said: PolicySaid,
    evidence: Evidence,
    text_shown: str,
) -> None:
    """Write what a person says to changed terms; agreeing is a line of the ledger each (A2).

    Raises `NotAsked`, `TooLateForLater`.
    """
    with transaction(session):
        asked = {row.id: row for row in standing.open_for(session, account_id)}
        for policy_id in policy_ids:
            version = asked.get(policy_id)
            if version is None:
                raise NotAsked
            if said is PolicySaid.LATER and version.effective_at <= clock.now():
                raise TooLateForLater
            session.add(
                PolicyAnswer(policy_id=policy_id, account_id=account_id, said=said, at=clock.now())
            )
            if said is PolicySaid.AGREED:
                consents.grant(
                    session,
                    ACCOUNT,
                    evidence,
                    text_shown=text_shown,
                    account_id=account_id,
                    details={"terms": version.kind.value},
                    policy=version,
                )
            record(
                session, actor, f"policies.{said.value}", "policy", policy_id,
                version=version.version,
            )  # fmt: skip


@dataclass(frozen=True)
class Round:
    """How far a material change has got: counts of accounts, never who."""

    concerned: int
    told: int
    mailed: int
    texted: int
    reminded: int
    agreed: int
    declined: int

    @property
    def open(self) -> int:
        """How many have not decided."""
        return self.concerned - self.agreed - self.declined


def round_of(session: Session, version: PolicyVersion) -> Round:
    """Count who was told of a version and what they said."""
    told, mailed, texted, reminded = session.execute(
        select(
            func.count(),
            func.count(case((PolicyNotice.mailed, 1))),
            func.count(case((PolicyNotice.texted, 1))),
            func.count(PolicyNotice.reminded_at),
        ).where(PolicyNotice.policy_id == version.id)
    ).one()
    concerned = session.scalar(
        select(func.count()).where(
            Account.realm == Realm.PUBLIC,
            Account.status == AccountStatus.ACTIVE,
            Account.created_at < version.effective_at,
        )
    )
    later = aliased(PolicyAnswer)
    said = session.execute(
        select(PolicyAnswer.said, func.count())
        .join(Account, Account.id == PolicyAnswer.account_id)
        .where(
            PolicyAnswer.policy_id == version.id,
            Account.status == AccountStatus.ACTIVE,
            ~exists().where(
                later.policy_id == PolicyAnswer.policy_id,
                later.account_id == PolicyAnswer.account_id,
                later.id > PolicyAnswer.id,
            ),
        )
        .group_by(PolicyAnswer.said)
    ).all()
    counts = {row[0]: row[1] for row in said}
    return Round(
        concerned=concerned or 0,
        told=told,
        mailed=mailed,
        texted=texted,
        reminded=reminded,
        agreed=counts.get(PolicySaid.AGREED, 0),
        declined=counts.get(PolicySaid.DECLINED, 0),
    )
