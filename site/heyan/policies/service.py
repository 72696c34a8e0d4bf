"""The verbs of policy versions: which is in force, publish one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, undefer

from heyan import clock
from heyan.db import transaction
from heyan.policies.models import PolicyKind, PolicyVersion


class NoPolicyInForce(Exception):
    """Nothing personal may be accepted while no policy version is in force (A1)."""


_IN_FORCE = (
    select(PolicyVersion)
    .where(
        PolicyVersion.kind == bindparam("of_kind"),
        PolicyVersion.effective_at <= bindparam("moment"),
    )
    .order_by(PolicyVersion.effective_at.desc(), PolicyVersion.published_at.desc())
    .limit(1)
)


def version_in_force(session: Session, kind: PolicyKind = PolicyKind.PRIVACY) -> PolicyVersion:
    """Return the version of *kind* in force now; raises `NoPolicyInForce`."""
    found = session.scalars(_IN_FORCE, {"of_kind": kind, "moment": clock.now()}).first()
    if found is None:
        raise NoPolicyInForce(kind.value)
    return found


class VersionUnknown(Exception):
    """No version of that name was published."""


class TextChanged(Exception):
    """A version of this name was published with another text: a new text needs a new name."""


def full_version(session: Session, kind: PolicyKind, version: str | None = None) -> PolicyVersion:
    """Return a version with its text: the one in force, or the one named *version*.

    Raises `NoPolicyInForce` or `VersionUnknown`.
    """
    if version is None:
        version = version_in_force(session, kind).version
    found = session.scalars(
        select(PolicyVersion)
        .options(undefer(PolicyVersion.content))
        .where(PolicyVersion.kind == kind, PolicyVersion.version == version)
    ).first()
    if found is None:
        raise VersionUnknown(version)
    return found


def versions(session: Session, kind: PolicyKind) -> list[PolicyVersion]:
    """Return every version of *kind* without its text, the latest in front."""
    return list(
        session.scalars(
            select(PolicyVersion)
            .where(PolicyVersion.kind == kind)
            .order_by(PolicyVersion.effective_at.desc(), PolicyVersion.published_at.desc())
        )
    )


def ensure_published(
    session: Session,
    kind: PolicyKind,
    version: str,
    effective_at: datetime,
    content: dict[str, Any],
    *,
    changes: str = "",
) -> tuple[PolicyVersion, bool]:
    """Publish a version unless it is there already; tell whether it is new.

    Raises `TextChanged` when that name stands for another text or another date.
    """
    try:
        found = full_version(session, kind, version)
    except VersionUnknown:
        published = publish(session, kind, version, effective_at, content, changes=changes)
        return published, True
    same_text = found.content_sha256 == content_digest(content)
    if not same_text or found.effective_at != effective_at:
        raise TextChanged(version)
    return found, False


def content_digest(content: dict[str, Any]) -> bytes:
    """Return the SHA-256 of *content* in canonical JSON."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def publish(
    session: Session,
    kind: PolicyKind,
    version: str,
    effective_at: datetime,
    content: dict[str, Any],
    *,
    changes: str = "",
    changes_en: str = "",
    material: bool = False,
    kinds: Sequence[str] = (),
    new_owner: str = "",
) -> PolicyVersion:
    """Publish a version; it is in force from *effective_at* on and never changes again."""
    with transaction(session):
        row = PolicyVersion(
            kind=kind,
            version=version,
            effective_at=effective_at,
            content=content,
            content_sha256=content_digest(content),
            changes=changes,
            changes_en=changes_en,
            material=material,
            kinds=list(kinds),
            new_owner=new_owner,
            published_at=clock.now(),
        )
        session.add(row)
        session.flush()
        return row
