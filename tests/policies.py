"""Builders of coming versions: put forward and approved through the verbs."""

from __future__ import annotations

import copy
import dataclasses
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from heyan import clock
from heyan.access import Role
from heyan.accounts import sessions
from heyan.accounts.models import Account
from heyan.policies import drafts, texts
from heyan.policies.models import ChangeKind, PolicyKind, PolicyVersion
from tests.approvals import somebody
from tests.enrolment import Person, World

NOTICE_DAYS = 7


def coming_text(world: World, kind: PolicyKind = PolicyKind.PRIVACY) -> dict[str, Any]:
    """The present text under a new version's name."""
    name = f"r{uuid.uuid4().hex[:10]}"
    settings = dataclasses.replace(world.settings, policy_version=name)
    with world.app.app_context():
        return texts.content(settings, kind)


def with_recipient(content: dict[str, Any], recipient: str = "新的接收方") -> dict[str, Any]:
    """The same text with another recipient in the registry's table of what is collected."""
    changed = copy.deepcopy(content)
    for section in changed["zh"]:
        for part in section["parts"]:
            if part["kind"] == "table" and part["rows"][0]["id"].startswith("collected-"):
                part["rows"][0]["cells"][5] = recipient
    return changed


def proposal(content: dict[str, Any], **said: Any) -> drafts.Proposal:
    """What an author would say of a version in ten days."""
    return drafts.Proposal(
        **{
            "kind": PolicyKind.PRIVACY,
            "version": f"r{uuid.uuid4().hex[:10]}",
            "effective_at": clock.now() + timedelta(days=10),
            "content": content,
            "changes": "增加了一个接收方。",
            **said,
        }
    )


def changed_terms(
    world: World,
    kinds: Iterable[ChangeKind] = (ChangeKind.SERVICE,),
    *,
    effective_at: datetime | None = None,
) -> PolicyVersion:
    """A material change, put forward by one and approved by another."""
    with world.session() as session:
        draft = drafts.propose(
            session,
            somebody(session, Role.PRIVACY_OFFICER),
            proposal(
                coming_text(world),
                material=True,
                kinds=frozenset(kinds),
                new_owner="新公司，电话 010-0000",
                effective_at=effective_at or clock.now() + timedelta(days=8),
            ),
            NOTICE_DAYS,
        )
        return drafts.approve(session, somebody(session, Role.ADMINISTRATOR), draft.id, NOTICE_DAYS)


@contextmanager
def settled_again(world: World) -> Iterator[None]:
    """Leave the shared world without changes that every other test's people would be asked about.

    Versions are append-only for the site; the test's superuser takes the round's rows away.
    """
    with world.owner.connect() as owner:
        kept = list(owner.execute(text("SELECT id FROM policy_versions")).scalars())
    try:
        yield
    finally:
        with world.owner.begin() as owner:
            for table in ("policy_answers", "policy_notices"):
                owner.execute(text(f"DELETE FROM {table}"))
            owner.execute(text("DELETE FROM policy_drafts"))
            owner.execute(
                text("DELETE FROM policy_versions WHERE NOT id = ANY(:kept)"), {"kept": kept}
            )


def again_signed_in(world: World, person: Person) -> Person:
    """The same person, signed in anew: days have passed."""
    with world.session() as session:
        account = session.get_one(Account, person.account_id)
        token = sessions.begin(
            session, world.settings, account, complete=True, source="192.0.2.1", user_agent="t"
        )
    client = world.app.test_client()
    client.set_cookie("heyan_session", token, domain="localhost")
    return Person(client, person.account_id, token)
