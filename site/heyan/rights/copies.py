"""Order a copy of everything held, and open it for the one it belongs to (G1, G8).

The worker encrypts the copy to an age key of its own, made here for this one copy. Its opener is
kept encrypted under a key that the web alone can derive, so a look into the object store, into
the database or into the worker's memory afterwards opens nothing; only the web does, for the
account itself, with a fresh second step, for 72 hours (docs/custody.md).
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import timedelta

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from heyan import clock
from heyan.audit.service import Actor, record
from heyan.classification import REGISTRY
from heyan.custody.objects import ObjectStore
from heyan.db import transaction, uuid7
from heyan.jobs import Job, defer
from heyan.rights import holdings
from heyan.rights.models import AccessCopy, CopyState, RightsKind
from heyan.rights.requests import Asked, finish, receive
from heyan.settings import Settings
from heyan.students.service import lock_number

LIFE = timedelta(days=REGISTRY["rights.copy"].days or 0)
MADE_WITHIN = timedelta(hours=1)
# A copy has words and digests, no pictures; more than this is nobody's.
MAX_BYTES = 64 * 1024 * 1024


class CopyUnknown(Exception):
    """No such copy of this account, or its time is over."""


class NotReady(Exception):
    """The copy is still being made."""


def order(session: Session, settings: Settings, actor: Actor, account_id: uuid.UUID) -> AccessCopy:
    """Order a copy; one that waits or lies ready is returned instead of a second."""
    with transaction(session):
        # One at a time for each account: two clicks at once are one order.
        number = lock_number("access_copies", account_id)
        session.execute(select(func.pg_advisory_xact_lock(number)))
        live = current(session, account_id)
        if live is not None and not late(live):
            return live
        if live is not None:
            # Given up: it opens nothing any more, and the sweep takes what there is of it.
            session.execute(
                update(AccessCopy)
                .where(AccessCopy.id == live.id)
                .values(opener=None, expires_at=clock.now())
                .execution_options(synchronize_session=False)
            )
        request = receive(
            session,
            actor,
            Asked(kind=RightsKind.ACCESS, account_id=account_id, signed_in=True),
        )
        identity = pyrage.x25519.Identity.generate()
        copy_id, moment = uuid7(), clock.now()
        facts = holdings.read(session, account_id, by_worker=False)
        copy = AccessCopy(
            id=copy_id,
            account_id=account_id,
            request_id=request.id,
            state=CopyState.ORDERED,
            facts=json.dumps(facts, ensure_ascii=False),
            recipient=str(identity.to_public()),
            opener=_lock(settings, copy_id, str(identity)),
            ordered_at=moment,
            expires_at=moment + LIFE,
        )
        session.add(copy)
        session.flush()
        finish(session, actor, request)
        record(session, actor, "rights.order_copy", "access_copy", copy.id)
        defer(session, Job.BUILD_ACCESS_COPY, lock=f"access_copy:{copy.id}", copy_id=copy.id)
        return copy


def late(copy: AccessCopy) -> bool:
    """Tell whether a copy should long have been made: then it may be asked for anew."""
    return copy.state is not CopyState.READY and clock.now() - copy.ordered_at > MADE_WITHIN


def current(session: Session, account_id: uuid.UUID) -> AccessCopy | None:
    """Return the account's copy that waits or lies ready, the latest, or None."""
    return session.scalars(
        select(AccessCopy)
        .where(
            AccessCopy.account_id == account_id,
            AccessCopy.destroyed_at.is_(None),
            AccessCopy.expires_at > clock.now(),
        )
        .order_by(AccessCopy.ordered_at.desc())
        .limit(1)
    ).first()


def fetch(
    session: Session,
    settings: Settings,
    objects: ObjectStore,
    actor: Actor,
    account_id: uuid.UUID,
    copy_id: uuid.UUID,
) -> bytes:
    """Return the copy's ZIP. Raises `CopyUnknown` (another's, too), `NotReady`, and what the
    object store raises.
    """
    copy = session.scalars(
        select(AccessCopy).where(
            AccessCopy.id == copy_id,
            AccessCopy.account_id == account_id,
            AccessCopy.destroyed_at.is_(None),
            AccessCopy.expires_at > clock.now(),
        )
    ).first()
    if copy is None or copy.opener is None:
        raise CopyUnknown
    if copy.state is not CopyState.READY or copy.object_key is None:
        raise NotReady
    identity = pyrage.x25519.Identity.from_str(_unlock(settings, copy.id, bytes(copy.opener)))
    found = objects.open_release(copy.object_key)
    if found.total > MAX_BYTES:
        found.close()
        raise NotReady
    opened: bytes = pyrage.decrypt(b"".join(found.chunks), [identity])
    with transaction(session):
        session.execute(
            update(AccessCopy)
            .where(AccessCopy.id == copy.id, AccessCopy.fetched_at.is_(None))
            .values(fetched_at=clock.now())
            .execution_options(synchronize_session=False)
        )
        record(session, actor, "rights.fetch_copy", "access_copy", copy.id, bytes=len(opened))
    return opened


def _key(settings: Settings) -> bytes:
    return HKDF(SHA256(), 32, None, b"heyan access copy opener").derive(
        settings.secret_key.encode()
    )


def _lock(settings: Settings, copy_id: uuid.UUID, identity: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(_key(settings)).encrypt(nonce, identity.encode(), copy_id.bytes)


def _unlock(settings: Settings, copy_id: uuid.UUID, stored: bytes) -> str:
    return AESGCM(_key(settings)).decrypt(stored[:12], stored[12:], copy_id.bytes).decode()
