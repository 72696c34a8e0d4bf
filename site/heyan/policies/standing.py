"""Whose terms are settled: the question in front of new processing and of every batch (K1).

Somebody who has not agreed to a material change is served by the old terms: what runs goes on, and
nothing new begins. Knows tables alone, so that the consent ledger may ask it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session, aliased

from heyan import clock
from heyan.accounts.models import Account
from heyan.policies.models import ChangeKind, PolicyAnswer, PolicySaid, PolicyVersion

# Changes of these kinds alter what a batch does with a document.
OF_BATCHES = (ChangeKind.SERVICE, ChangeKind.RECIPIENTS)


def _concerned(version: Any, account_id: Any) -> ColumnElement[bool]:
    """Whether a version's change is one for this account: it was here before it took effect."""
    return and_(
        version.material,
        # Its columns named: the worker may not read every column of an account.
        select(Account.id)
        .where(Account.id == account_id, Account.created_at < version.effective_at)
        .correlate_except(Account)
        .exists(),
    )


def _said(version: Any, account_id: Any, *said: PolicySaid) -> ColumnElement[bool]:
    """Whether the account's latest answer to a version is one of *said*."""
    latest = (
        select(PolicyAnswer.said)
        .where(PolicyAnswer.policy_id == version.id, PolicyAnswer.account_id == account_id)
        .order_by(PolicyAnswer.id.desc())
        .limit(1)
        .correlate_except(PolicyAnswer)
        .scalar_subquery()
    )
    return func.coalesce(latest.in_(said), False)


def _unanswered(moment: Any) -> Any:
    account: Any = bindparam("account")
    return (
        select(PolicyVersion)
        .where(
            _concerned(PolicyVersion, account),
            ~_said(PolicyVersion, account, PolicySaid.AGREED, PolicySaid.DECLINED),
            or_(
                PolicyVersion.effective_at <= moment,
                ~_said(PolicyVersion, account, PolicySaid.LATER),
            ),
        )
        .order_by(PolicyVersion.effective_at, PolicyVersion.kind)
    )


_DUE = _unanswered(bindparam("moment"))


def due(session: Session, account_id: uuid.UUID) -> list[PolicyVersion]:
    """Return the versions that an account has still to answer, the earliest first."""
    return list(session.scalars(_DUE, {"account": account_id, "moment": clock.now()}))


def unsettled(account_id: Any, kinds: Iterable[ChangeKind] = ()) -> ColumnElement[bool]:
    """Return the condition: a material change is in force that *account_id* did not agree to.

    *account_id* may be a column. With *kinds*, only changes of one of these.
    """
    version = aliased(PolicyVersion)
    conditions = [
        _concerned(version, account_id),
        version.effective_at <= clock.now(),
        ~_said(version, account_id, PolicySaid.AGREED),
    ]
    if wanted := [kind.value for kind in kinds]:
        conditions.append(version.kinds.has_any(array(wanted)))
    return select(version.id).where(*conditions).correlate_except(version).exists()


def settled(session: Session, account_id: uuid.UUID) -> bool:
    """Tell whether an account has agreed to every material change in force."""
    return not session.scalar(select(unsettled(account_id)))


def open_for(session: Session, account_id: uuid.UUID) -> list[PolicyVersion]:
    """Return every published material change that an account has not agreed to, also declined."""
    return list(
        session.scalars(
            select(PolicyVersion)
            .where(
                _concerned(PolicyVersion, account_id),
                ~_said(PolicyVersion, account_id, PolicySaid.AGREED),
            )
            .order_by(PolicyVersion.effective_at, PolicyVersion.kind)
        )
    )
