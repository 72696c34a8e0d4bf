"""Builders of viewings: a colleague with a pinned key, a request that two people approved."""

from __future__ import annotations

import base64
import io
import json
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

import pyrage

from heyan.access import Role, Scenario
from heyan.approvals import requests
from heyan.audit.service import Actor
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.viewings import keys, service
from heyan.viewings.models import StaffKey, Viewing
from tests.enrolment import World
from tests.staff import Colleague, colleague
from uploads_worker import people
from uploads_worker.context import Context


@dataclass
class Reader:
    """Somebody at work who may look, with their key's private half."""

    colleague: Colleague
    identity: Any
    name: str

    @property
    def account_id(self) -> uuid.UUID:
        """Whose key it is."""
        return self.colleague.account_id


def confirmed_key(world: World, owner: Colleague, identity: Any) -> StaffKey:
    """The owner's key, proven by them and compared by an officer."""
    officer = colleague(world, Role.PRIVACY_OFFICER)
    with world.session() as session:
        row = keys.propose(session, owner.actor, str(identity.to_public()))
        opened = pyrage.decrypt(base64.b64decode(row.challenge or ""), [identity])
        keys.prove(session, owner.actor, owner.account_id, row.id, opened.hex())
        return keys.confirm(session, officer.actor, row.id)


def reader(world: World, context: Context, *, pinned: bool = True, name: str = "李查看") -> Reader:
    """A clerk of customer service, whose key is pinned on the worker's host."""
    who = colleague(world, Role.SERVICE)
    made = Reader(who, pyrage.x25519.Identity.generate(), name)
    row = confirmed_key(world, who, made.identity)
    if pinned:
        people.pin(
            context, who.account_id, row.id, name=name,
            fingerprint=recipient_fingerprint(row.recipient),
        )  # fmt: skip
    return made


def ask(
    world: World, who: Reader, *subjects: uuid.UUID, kind: str = "document", hours: int = 8
) -> uuid.UUID:
    """A request of the reader's that nobody has decided yet."""
    with world.session() as session:
        row = requests.ask(
            session, who.colleague.actor, level=4 if kind == "document" else 3,
            scenario=Scenario.CONTACTS, subject_kind=kind, subject_ids=list(subjects),
            purpose="dispute", hours=hours,
        )  # fmt: skip
        return row.id


def approve(world: World, request_id: uuid.UUID, *roles: Role) -> None:
    """Let one colleague of each role say yes."""
    for role in roles or (Role.PRIVACY_OFFICER, Role.ADMINISTRATOR):
        actor: Actor = colleague(world, role).actor
        with world.session() as session:
            requests.decide(session, actor, request_id, approve=True, reason="属实")


def viewing_of(world: World, who: Reader, request_id: uuid.UUID) -> Viewing:
    """The viewing that the request ordered, as it is now."""
    with world.session() as session:
        found = service.of_request(session, who.account_id, request_id)
        assert found is not None
        return found


def opened(file: bytes, identity: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Open a viewing's file with pyrage and zipfile: its index and entries."""
    plain = pyrage.decrypt(file, [identity])
    with zipfile.ZipFile(io.BytesIO(plain)) as packed:
        assert packed.testzip() is None
        entries = {one.filename: packed.read(one) for one in packed.infolist()}
    return json.loads(entries["index.json"]), entries
