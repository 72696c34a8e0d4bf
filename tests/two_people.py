"""Every kind of act that takes two people: what the first one does, and the second one's verb."""

from __future__ import annotations

import base64
import functools
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyrage
from sqlalchemy import text
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm, Role, Scenario
from heyan.accounts import loss
from heyan.accounts.models import IdentityProof, Passkey
from heyan.agreements import service as agreements
from heyan.approvals import grants, requests
from heyan.assessments import service as assessments
from heyan.assistance import changes
from heyan.assistance.models import ChangeKind
from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.organizations import service as organizations
from heyan.oversight import alerts, findings, training
from heyan.oversight.models import StaffAlert, TrainingKind
from heyan.policies import drafts
from heyan.policies.models import ChangeKind as PolicyChange
from heyan.releases import recipients
from heyan.retention import archiving, holds
from heyan.retention.models import AuthorityQuery, HoldSubject
from heyan.rights import acts, second_person
from heyan.rights import requests as rights
from heyan.rights.models import RefusalGround, RightsCheck, RightsKind
from heyan.safety import service as safety
from heyan.safety.models import FlagAct, FlagKind, FlagState, SafetyFlag, SafetySubject
from heyan.viewings import keys
from heyan.winddown import service as winddown
from tests.agreements import PDF, bind
from tests.enrolment import World
from tests.keeping import ORDER
from tests.policies import NOTICE_DAYS, coming_text, proposal, settled_again
from tests.staff import Colleague, colleague, organization, proven_recipient

OF = Role.OPERATIONS, Role.SERVICE, Role.PRIVACY_OFFICER, Role.ADMINISTRATOR
OPERATIONS, SERVICE, OFFICER, ADMINISTRATOR = OF


@dataclass(frozen=True)
class Kind:
    """One kind of act: the verb of the second person, and what the first one does before."""

    verb: Callable[..., object]
    first: Role
    second: Role
    prepare: Callable[[World, Colleague, ExitStack], tuple[Any, ...]]
    # What the verb takes besides session, actor and what was prepared.
    more: tuple[tuple[str, Any], ...] = ()
    # Done again by others, it adds another row.
    again: bool = False


def _one(world: World, act: Callable[[Session], Any]) -> Any:
    with world.session() as session:
        found = act(session)
        session.commit()
        return found.id if hasattr(found, "id") else found


def _organization(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    name = f"新单位{uuid.uuid4().hex[:8]}"
    return (
        _one(
            world,
            lambda session: organizations.propose(
                session, who.actor, name=name, contact="考务处", processing_role="independent"
            ),
        ),
    )


def _key(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    row = proven_recipient(world, organization(world).id)
    _one(world, lambda session: recipients.confirm(session, who.actor, row.id, "phone"))
    return (row.id,)


def _proposed_key(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    row = proven_recipient(world, organization(world).id)
    # As if its owner were this human: an organizer's account has another role and another door.
    with world.owner.begin() as owner:
        owner.execute(
            text("UPDATE recipients SET proposed_by = :a WHERE id = :r"),
            {"a": who.account_id, "r": row.id},
        )
    return (row.id, "phone")


def _grant(world: World, who: Colleague, ends: ExitStack) -> tuple[Any, ...]:
    grant_id = _one(
        world,
        lambda session: grants.propose(
            session, who.actor, role=SERVICE, scenario=Scenario.ACCOUNTS, purpose="日常", days=9
        ),
    )

    def revoke() -> None:
        _one(world, lambda session: grants.revoke(session, who.actor, grant_id))

    ends.callback(revoke)
    return (grant_id,)


def _request(world: World, who: Colleague, level: int) -> uuid.UUID:
    registration, document = world.person().submitted(world.event().slug)
    kind, subject = {3: ("registration", registration), 4: ("document", document)}[level]
    found: uuid.UUID = _one(
        world,
        lambda session: requests.ask(
            session, who.actor, level=level, scenario=Scenario.REGISTRATIONS, subject_kind=kind,
            subject_ids=[uuid.UUID(subject)], purpose="dispute", hours=1,
        ),
    )  # fmt: skip
    return found


def _sensitive(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    return (_request(world, who, 3),)


def _document(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    request_id = _request(world, colleague(world, SERVICE), 4)
    _one(
        world,
        lambda session: requests.decide(session, who.actor, request_id, approve=True, reason=""),
    )
    return (request_id,)


def _hold(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    subject = world.person().account_id
    return (
        _one(
            world,
            lambda session: holds.ask(
                session, who.actor, subject_kind=HoldSubject.ACCOUNT, subject_id=subject,
                order=ORDER, ends_at=clock.now() + timedelta(days=9),
            ),
        ),
    )  # fmt: skip


def _held(world: World, who: Colleague, ends: ExitStack) -> tuple[Any, ...]:
    (hold_id,) = _hold(world, who, ends)
    other = colleague(world, ADMINISTRATOR)
    _one(world, lambda session: holds.approve(session, other.actor, hold_id))
    _one(world, lambda session: holds.ask_release(session, who.actor, hold_id))
    return (hold_id,)


def _query(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    row = AuthorityQuery(
        authority=ORDER.authority, order_number=ORDER.order_number, statute=ORDER.statute,
        scope=ORDER.scope, account_ids=[str(uuid.uuid4())], asked_by=who.account_id,
        asked_at=clock.now(),
    )  # fmt: skip
    return (_one(world, lambda session: session.merge(row)),)


def _no_end(world: World) -> None:
    with world.owner.begin() as owner:
        owner.execute(text("DELETE FROM ending_notices"))
        owner.execute(text("DELETE FROM service_endings"))


def _ending(world: World, who: Colleague, ends: ExitStack) -> tuple[Any, ...]:
    ends.callback(_no_end, world)
    day = clock.now() + timedelta(days=45)
    _one(world, lambda session: winddown.propose(session, who.actor, day))
    return ()


def _called_off(world: World, who: Colleague, ends: ExitStack) -> tuple[Any, ...]:
    _ending(world, colleague(world, OFFICER), ends)
    other = colleague(world, ADMINISTRATOR)
    _one(world, lambda session: winddown.approve(session, other.actor))
    _one(world, lambda session: winddown.ask_to_cancel(session, who.actor))
    return ()


def _policy(world: World, who: Colleague, ends: ExitStack) -> tuple[Any, ...]:
    ends.enter_context(settled_again(world))
    coming = proposal(
        coming_text(world), material=True, kinds=frozenset(PolicyChange), new_owner="新公司"
    )
    draft_id = _one(world, lambda session: drafts.propose(session, who.actor, coming, NOTICE_DAYS))
    return (draft_id, NOTICE_DAYS)


def _agreement(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    moment, party = clock.now(), organization(world).id
    terms = agreements.Terms(
        kind=agreements.ORGANIZER, party="", role="independent", clauses=agreements.CLAUSES,
        valid_from=moment, valid_until=moment + timedelta(days=30), organization_id=party,
    )  # fmt: skip
    return (_one(world, lambda session: agreements.propose(session, who.actor, terms, PDF)),)


def _suspended(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    party = organization(world).id
    agreement_id = _one(world, lambda session: bind(session, party))
    _one(world, lambda session: agreements.suspend(session, who.actor, agreement_id, "核查"))
    return (agreement_id,)


def _refusal(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    account = world.person().account_id
    asked = rights.Asked(kind=RightsKind.DELETE, account_id=account, signed_in=True)
    request_id = _one(
        world, lambda session: rights.receive(session, Actor("public", account), asked)
    )
    ground = next(iter(RefusalGround))
    _one(
        world,
        lambda session: second_person.propose_refusal(
            session, who.actor, request_id, ground, "说明"
        ),
    )
    return (request_id,)


def _kin(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    asked = rights.Asked(kind=RightsKind.NEXT_OF_KIN, account_id=world.person().account_id)
    request_id = _one(world, lambda session: rights.receive(session, who.actor, asked))
    _one(
        world,
        lambda session: rights.check_identity(
            session, who.actor, request_id, RightsCheck.MET, "证明"
        ),
    )
    return (request_id,)


def _checked(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    asked = rights.Asked(kind=RightsKind.CLOSE, account_id=world.person().account_id)
    request_id = _one(world, lambda session: rights.receive(session, who.actor, asked))
    _one(
        world,
        lambda session: rights.check_identity(
            session, who.actor, request_id, RightsCheck.CALLED_BACK, "本人接听"
        ),
    )
    return (request_id, HERE, "说明")


def _number(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    account = world.person().account_id
    change_id = _one(
        world,
        lambda session: changes.ask(
            session, who.actor, account, kind=ChangeKind.PHONE, proof="in_person",
            checked=["id_document"], phone=f"+86137{uuid.uuid4().int % 10**8:08d}",
        ),
    )  # fmt: skip
    return (change_id,)


def _with_factor(world: World, someone: Colleague) -> None:
    row = Passkey(
        account_id=someone.account_id, credential_id=uuid.uuid4().bytes, public_key=b"",
        sign_count=0, name="钥匙", created_at=clock.now(),
    )  # fmt: skip
    _one(world, lambda session: session.merge(row))


def _reset(world: World, who: Colleague, whose: Colleague) -> tuple[Any, ...]:
    _with_factor(world, whose)
    return (
        _one(
            world,
            lambda session: loss.ask(
                session, who.actor, realm=Realm.STAFF, account_id=whose.account_id,
                proof=IdentityProof.MET,
            ),
        ),
    )  # fmt: skip


def _anothers_factor(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    return _reset(world, who, colleague(world, SERVICE))


def _own_factor(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    return _reset(world, colleague(world, ADMINISTRATOR), who)


def _own_key(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    identity = pyrage.x25519.Identity.generate()
    with world.session() as session:
        row = keys.propose(session, who.actor, str(identity.to_public()))
        opened = pyrage.decrypt(base64.b64decode(row.challenge or ""), [identity])
        return (keys.prove(session, who.actor, who.account_id, row.id, opened.hex()).id,)


def _assessment(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    facts = assessments.Facts(
        subject="核验", necessity="必要", risks="风险", measures="措施", conclusion="可以",
        review_at=clock.now() + timedelta(days=90),
    )  # fmt: skip
    return (_one(world, lambda session: assessments.write(session, who.actor, facts)),)


def _finding(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    by, due = colleague(world, OFFICER), clock.now() + timedelta(days=9)
    return (
        _one(
            world,
            lambda session: findings.add(
                session, by.actor, title="门没锁", description="请加锁",
                owner_id=who.account_id, due_at=due,
            ),
        ),
    )  # fmt: skip


def _alert(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    row = StaffAlert(
        rule="night", account_id=who.account_id, crossed_at=clock.now(), found=1,
        raised_at=clock.now(),
    )  # fmt: skip
    return (_one(world, lambda session: session.merge(row)),)


def _flag(world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    moment = clock.now()
    flag = SafetyFlag(
        kind=FlagKind.TWO_NETWORKS, state=FlagState.OPEN, account_id=who.account_id,
        raised_at=moment, delete_after=moment + timedelta(days=9),
    )  # fmt: skip
    with world.session() as session:
        session.add(flag)
        session.flush()
        session.add(SafetySubject(flag_id=flag.id, account_id=who.account_id))
        session.commit()
        return (HERE, flag.id)


def _exam(_world: World, who: Colleague, _ends: ExitStack) -> tuple[Any, ...]:
    return (who.account_id, TrainingKind.EXAM)


def _settled(verb: Callable[..., object]) -> Callable[..., object]:
    """The same verb, which is given the settings before who acts."""

    @functools.wraps(verb)
    def called(session: Session, actor: Actor, *named: Any, **more: Any) -> object:
        return verb(session, SETTINGS[0], actor, *named, **more)

    return called


SETTINGS: list[Any] = []
HERE = Evidence("192.0.2.9", "test")
YES = (("approve", True),)
KINDS = {
    "an organizer": Kind(organizations.approve, OPERATIONS, OFFICER, _organization),
    "a key's fingerprint": Kind(recipients.confirm, OFFICER, OPERATIONS, _proposed_key),
    "a key": Kind(recipients.approve, OPERATIONS, OFFICER, _key),
    "a grant": Kind(grants.decide, ADMINISTRATOR, OFFICER, _grant, YES),
    "sensitive fields": Kind(
        requests.decide, SERVICE, OFFICER, _sensitive, (*YES, ("reason", "属实"))
    ),
    "a document's second yes": Kind(
        requests.decide, OFFICER, ADMINISTRATOR, _document, (*YES, ("reason", "属实"))
    ),
    "a hold": Kind(holds.approve, OFFICER, ADMINISTRATOR, _hold),
    "a hold's release": Kind(holds.release, OFFICER, ADMINISTRATOR, _held),
    "the archive": Kind(archiving.settle, OFFICER, ADMINISTRATOR, _query, (("approved", True),)),
    "the end": Kind(winddown.approve, OFFICER, ADMINISTRATOR, _ending),
    "the end called off": Kind(winddown.cancel, OFFICER, ADMINISTRATOR, _called_off),
    "a policy": Kind(drafts.approve, OFFICER, ADMINISTRATOR, _policy),
    "an agreement": Kind(agreements.activate, OPERATIONS, OFFICER, _agreement),
    "an agreement again": Kind(agreements.resume, OFFICER, ADMINISTRATOR, _suspended),
    "a refusal": Kind(second_person.confirm_refusal, OFFICER, ADMINISTRATOR, _refusal),
    "next of kin": Kind(second_person.approve_kin, OFFICER, ADMINISTRATOR, _kin, again=True),
    "an account closed by staff": Kind(acts.carry_out, SERVICE, SERVICE, _checked),
    "a lost number": Kind(_settled(changes.confirm), SERVICE, SERVICE, _number),
    "a lost factor": Kind(_settled(loss.confirm), ADMINISTRATOR, ADMINISTRATOR, _anothers_factor),
    "one's own lost factor": Kind(_settled(loss.confirm), SERVICE, ADMINISTRATOR, _own_factor),
    "one's own key": Kind(keys.confirm, SERVICE, OFFICER, _own_key),
    "an assessment": Kind(assessments.confirm, OPERATIONS, OFFICER, _assessment),
    "one's own finding": Kind(
        findings.close, OPERATIONS, OFFICER, _finding, (("result", "已加锁"),)
    ),
    "one's own alert": Kind(alerts.close, SERVICE, OFFICER, _alert, (("reason", "值班"),)),
    "one's own flag": Kind(
        _settled(safety.decide), SERVICE, OPERATIONS, _flag,
        (("act", FlagAct.CLEAR), ("note", "本人")),
    ),
    "one's own exam": Kind(
        training.add, OPERATIONS, OFFICER, _exam,
        (
            ("passed_at", clock.now() - timedelta(days=1)),
            ("valid_until", clock.now() + timedelta(days=9)),
        ),
        again=True,
    ),
}  # fmt: skip


@contextmanager
def begun(world: World, kind: Kind) -> Iterator[tuple[Colleague, str, tuple[Any, ...]]]:
    """The first person's half of it; gives who that is under which name, and what to name."""
    name = f"欧阳{uuid.uuid4().hex[:6]}"
    SETTINGS[:] = [world.settings]
    first = colleague(world, kind.first, name=name, staff_number=f"N-{name}")
    with ExitStack() as ends:
        yield first, name, kind.prepare(world, first, ends)
