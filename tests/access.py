"""Everyone who can stand at a door, what is theirs, and an argument for each part of an address.

`ARGUMENTS` is what a new route has to be added to when its address holds something new: the test
of the route table says so when it is missing.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pyrage
from flask import url_for
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from heyan import clock
from heyan.access import GRANTS, Permission, Realm, Role, Scenario, requirement_of
from heyan.accounts import people, sessions
from heyan.accounts.models import Account, FactorReset, IdentityProof, Passkey
from heyan.approvals import grants, requests
from heyan.assessments import service as assessments
from heyan.assistance import changes
from heyan.assistance.models import ChangeKind
from heyan.audit.service import OPERATOR, Actor
from heyan.contacts.models import (
    Contact,
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactState,
    RecordingConsent,
)
from heyan.events.models import EventStatus
from heyan.exports import service as exports
from heyan.exports.models import ExportKind
from heyan.exports.rows import Scope
from heyan.leads.models import Lead, LeadStatus
from heyan.oversight import findings, training
from heyan.oversight.models import StaffAlert
from heyan.policies import drafts
from heyan.policies.models import ChangeKind as PolicyChange
from heyan.policies.models import PolicyKind
from heyan.policies.service import publish
from heyan.releases import recipients
from heyan.releases.models import Release, ReleaseState
from heyan.retention.models import AuthorityQuery, HoldSubject, LegalHold
from heyan.rights import copies
from heyan.rights import requests as rights
from heyan.rights.models import PartyNews, RightsKind, RightsParty
from heyan.safety.models import FlagKind, FlagState, SafetyFlag, SafetySubject
from heyan.students import guardians
from heyan.viewings import keys as staff_keys
from heyan.viewings import service as viewings
from tests.approvals import somebody
from tests.enrolment import Person, World
from tests.oversight import train
from tests.policies import NOTICE_DAYS, coming_text, proposal

Somebody = str
STAFF = ("service", "operations", "privacy_officer", "administrator", "auditor")
ROLES: dict[Somebody, frozenset[Role]] = {
    "nobody": frozenset(),
    "student_a": frozenset({Role.STUDENT}),
    "student_b": frozenset({Role.STUDENT}),
    "member_x": frozenset({Role.ORGANIZER_MEMBER}),
    "owner_x": frozenset({Role.ORGANIZER_OWNER}),
    "member_y": frozenset({Role.ORGANIZER_MEMBER}),
    "owner_y": frozenset({Role.ORGANIZER_OWNER}),
    **{name: frozenset({Role(name)}) for name in STAFF},
}
# Who owns what the arguments name, in each realm; the others hold the permission, not the object.
OWNERS = {"student_a", "member_x", "owner_x", *STAFF}
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Universe:
    """The people, signed in with a fresh second factor, and the ids of what is there."""

    world: World
    clients: dict[Somebody, FlaskClient] = field(default_factory=dict)
    accounts: dict[Somebody, uuid.UUID] = field(default_factory=dict)
    session_ids: dict[Somebody, uuid.UUID] = field(default_factory=dict)
    ids: dict[str, Any] = field(default_factory=dict)

    def token(self, who: Somebody) -> str:
        """A form token of this person's own, from the foot of some page."""
        found = TOKEN.search(self.clients[who].get("/contact").text)
        assert found
        return found[1]

    def send(self, who: Somebody, method: str, path: str, **data: str) -> TestResponse:
        """Ask as *who*, without following redirects."""
        client = self.clients[who]
        return client.open(path, method=method, data=data or None)

    def may(self, who: Somebody, permission: Permission) -> bool:
        """Whether the role holds the permission."""
        return any(permission in GRANTS[role] for role in ROLES[who])


def needed(universe: Universe, rule: Rule) -> Permission | None:
    """Return what a route asks for."""
    requirement = requirement_of(universe.world.app.view_functions[rule.endpoint])
    assert requirement is not None, f"{rule.endpoint} declares no permission"
    return requirement.permission


# --- an argument for each part of an address --------------------------------------------------

# By "endpoint:argument" where one name means several things, else by the argument alone.
ARGUMENTS: dict[str, Callable[[Universe], Any]] = {
    "session_id": lambda universe: universe.session_ids["student_a_other"],
    "passkey_id": lambda universe: universe.ids["passkey"],
    "reset_id": lambda universe: universe.ids["reset"],
    "staff_accounts.lost_factor:account_id": lambda universe: universe.accounts["auditor"],
    "staff_accounts.organizers_lost_factor:account_id": (
        lambda universe: universe.accounts["owner_x"]
    ),
    "slug": lambda universe: universe.ids["event"].slug,
    "registration_id": lambda universe: universe.ids["registration"],
    "document_id": lambda universe: universe.ids["document"],
    "student_id": lambda universe: universe.ids["student"],
    "guardianship_id": lambda universe: universe.ids["guardianship"],
    "notice_id": lambda universe: universe.ids["notice"],
    "release_id": lambda universe: universe.ids["release"],
    "recipient_id": lambda universe: universe.ids["recipient"],
    "event_id": lambda universe: universe.ids["draft"].id,
    "field_id": lambda universe: universe.ids["field"],
    "organization_id": lambda universe: universe.ids["event"].organization_id,
    "grant_id": lambda universe: universe.ids["grant"],
    "staff_approvals.*:request_id": lambda universe: universe.ids["access_request"],
    "lead_id": lambda universe: universe.ids["lead"],
    "contact_id": lambda universe: universe.ids["contact"],
    "staff_contacts.account_history:account_id": lambda universe: universe.accounts["student_a"],
    "kind": lambda _universe: "id_card_front",
    "decisions.template:kind": lambda _universe: "csv",
    "policies.*:kind": lambda _universe: "privacy",
    "version": lambda _universe: "trial",
    "token": lambda _universe: "nobody-was-sent-this-link",
    "staff_organizations.reissue_owner:account_id": lambda universe: universe.accounts["owner_x"],
    "organizations.*:account_id": lambda universe: universe.accounts["member_x"],
    "staff.*:account_id": lambda universe: universe.accounts["auditor"],
    "staff_events.close:event_id": lambda universe: universe.ids["event"].id,
}
ARGUMENTS |= {
    "rights.show:request_id": lambda universe: universe.ids["rights_request"],
    "staff_rights.*:request_id": lambda universe: universe.ids["rights_request"],
    "copy_id": lambda universe: universe.ids["copy"],
    "consent_id": lambda universe: universe.ids["consent"],
    "staff_policies.new:kind": lambda _universe: "privacy",
    "draft_id": lambda universe: universe.ids["policy_draft"],
    "party_id": lambda universe: universe.ids["party"],
}
ARGUMENTS |= {
    "agreement_id": lambda universe: universe.ids["agreement"],
    "change_id": lambda universe: universe.ids["change"],
    "staff_assistance.*:account_id": lambda universe: universe.accounts["student_a"],
    "staff_assistance.ask:what": lambda _universe: "phone",
    "exports.bulk:what": lambda _universe: "leads",
    "export_id": lambda universe: universe.ids["export"],
}
ARGUMENTS |= {
    "hold_id": lambda universe: universe.ids["hold"],
    "query_id": lambda universe: universe.ids["query"],
    "flag_id": lambda universe: universe.ids["flag"],
}
ARGUMENTS |= {
    "alert_id": lambda universe: universe.ids["alert"],
    "finding_id": lambda universe: universe.ids["finding"],
    "rule_id": lambda universe: universe.ids["rule"],
    "staff_oversight.report_file:kind": lambda _universe: "csv",
}
# A viewing and a key of the clerk's; a colleague's key that waits for a comparison.
ARGUMENTS |= {
    "viewing_id": lambda universe: universe.ids["viewing"],
    "viewings.*:key_id": lambda universe: universe.ids["own_key"],
    "viewings.confirm:key_id": lambda universe: universe.ids["proven_key"],
    "viewings.reject:key_id": lambda universe: universe.ids["proven_key"],
}
ARGUMENTS |= {"assessment_id": lambda universe: universe.ids["assessment"]}
# What is one clerk's own among the staff: a colleague with the same permission finds none of it.
CLERKS = {
    f"viewings.{name}"
    for name in (
        "show", "state", "manifest", "file", "key", "prove_key", "challenge", "revoke_key",
    )
}  # fmt: skip
# Arguments that belong to a student or an organizer: another's must not be found.
OWNED = {
    Realm.PUBLIC: {
        "change_id",
        "copy_id",
        "consent_id",
        "request_id",
        "passkey_id",
        "session_id",
        "registration_id",
        "document_id",
        "student_id",
        "guardianship_id",
        "notice_id",
    },
    Realm.ORGANIZER: {
        "party_id",
        "release_id",
        "recipient_id",
        "account_id",
        "event_id",
        "document_id",
    },
}


def argument(universe: Universe, rule: Rule, name: str) -> Any:
    """Return a value for one argument of *rule*; fails with what to do when there is none."""
    blueprint = rule.endpoint.partition(".")[0]
    for key in (f"{rule.endpoint}:{name}", f"{blueprint}.*:{name}", name):
        if key in ARGUMENTS:
            return ARGUMENTS[key](universe)
    raise AssertionError(
        f"the route {rule.rule} ({rule.endpoint}) has the argument {name!r} that the route × role"
        " test does not know: add one to ARGUMENTS in tests/access.py, and to OWNED if it belongs"
        " to a student or an organizer"
    )


def address(universe: Universe, rule: Rule, **instead: Any) -> str:
    """Return the address of *rule* with arguments of student A and organizer X."""
    values = {name: instead.get(name) or argument(universe, rule, name) for name in rule.arguments}
    with universe.world.app.test_request_context():
        path = url_for(rule.endpoint, **values)
    more = {
        "registrations.new": f"?event={universe.ids['event'].slug}",
        "staff_approvals.new": f"?kind=registration&id={universe.ids['registration']}",
        "exports.new": "?kind=leads",
    }
    return path + more.get(rule.endpoint, "")


# --- building it ------------------------------------------------------------------------------


def build(world: World) -> Universe:
    """Make everyone and everything once; nothing here goes through a door."""
    universe = Universe(world)
    universe.clients["nobody"] = world.app.test_client()
    with world.session() as session:
        since = clock.now() - timedelta(days=1)
        with suppress(IntegrityError):  # another module of this process was here before
            publish(session, PolicyKind.AGREEMENT, "trial", since, {"zh": [], "en": []})
    event = world.event()
    other = world.event()
    universe.ids.update(event=event, other=other)
    a, b = world.person(), world.person()
    registration, document = a.submitted(event.slug)
    draft = a.ready(world.event().slug, name="李晚")
    universe.ids.update(
        registration=uuid.UUID(registration), document=uuid.UUID(document), a_draft=draft
    )
    (row,) = world.rows("SELECT student_id AS s FROM registrations WHERE id = :r", r=registration)
    universe.ids["student"] = row.s
    for name, someone in (("student_a", a), ("student_b", b)):
        universe.accounts[name] = someone.account_id
        _enter(universe, name, someone.account_id)
    b.student()
    universe.ids["guardianship"] = second_guardian(world, world.person(), a)
    _enter(universe, "student_a_other", a.account_id)
    for side, organization in (("x", event.organization_id), ("y", other.organization_id)):
        for kind in (Role.ORGANIZER_MEMBER, Role.ORGANIZER_OWNER):
            name = f"{kind.value.removeprefix('organizer_')}_{side}"
            _invite(universe, name, Realm.ORGANIZER, kind, organization)
    for name in STAFF:
        _invite(universe, name, Realm.STAFF, Role(name), None)
    _overseen(universe)
    _things(universe)
    return universe


def second_guardian(world: World, first: Person, second: Person) -> uuid.UUID:
    """Let *second* be the second guardian of a student of *first*; return the binding."""
    student = first.student("赵晴")
    with world.session() as session:
        code = guardians.offer(
            session, Actor("public", first.account_id), first.account_id, uuid.UUID(student)
        )
        return guardians.accept(
            session, Actor("public", second.account_id), second.account_id, code=code, name="赵晴"
        )


def _overseen(universe: Universe) -> None:
    """An alert about the clerk, a finding and a rule of the house."""
    with universe.world.session() as session:
        alert = StaffAlert(
            rule="night", account_id=universe.accounts["service"], crossed_at=clock.now(),
            found=1, raised_at=clock.now(),
        )  # fmt: skip
        session.add(alert)
        officer = Actor("staff", universe.accounts["privacy_officer"])
        later = clock.now() + timedelta(days=9)
        finding = findings.add(
            session, officer, title="门没有锁", description="请加锁",
            owner_id=universe.accounts["operations"], due_at=later,
        )  # fmt: skip
        rule = training.publish(session, officer, title="试用制度", words="守规矩", due_at=later)
        session.commit()
        universe.ids.update(alert=alert.id, finding=finding.id, rule=rule.id)


def _invite(
    universe: Universe, name: Somebody, realm: Realm, role: Role, organization: uuid.UUID | None
) -> None:
    with universe.world.session() as session:
        issued = people.invite(
            session,
            OPERATOR,
            realm=realm,
            login=f"{name}.{uuid.uuid4().hex[:8]}",
            name=f"测试{name}",
            roles=[role],
            organization_id=organization,
        )
        if realm is Realm.STAFF:
            train(session, issued.account_id)
    universe.accounts[name] = issued.account_id
    _enter(universe, name, issued.account_id)


def _enter(universe: Universe, name: Somebody, account_id: uuid.UUID) -> None:
    world = universe.world
    with world.session() as session:
        account = session.get_one(Account, account_id)
        token = sessions.begin(
            session,
            world.settings,
            account,
            complete=True,
            source="192.0.2.7",
            user_agent="test",
        )
        here = sessions.load(session, world.settings, token)
        assert here is not None
        token = sessions.rotate(session, here.id, complete=False, step_up=True)
    client = world.app.test_client()
    client.set_cookie("heyan_session", token, domain="localhost")
    universe.clients[name] = client
    universe.session_ids[name] = here.id


def _passkey(universe: Universe) -> None:
    with universe.world.session() as session:
        row = Passkey(
            account_id=universe.accounts["student_a"],
            credential_id=uuid.uuid4().bytes,
            public_key=b"",
            sign_count=0,
            name="手机",
            created_at=clock.now(),
        )
        reset = FactorReset(
            account_id=universe.accounts["member_y"],
            proof=IdentityProof.MET,
            asked_by=universe.accounts["administrator"],
            asked_at=clock.now(),
            done=False,
        )
        session.add_all((row, reset))
        session.commit()
        universe.ids["passkey"], universe.ids["reset"] = row.id, reset.id


def _approvals(universe: Universe) -> None:
    """A grant that is proposed, and a request for L4 that waits for both its approvers."""
    with universe.world.session() as session:
        # Another universe of this process may have left one waiting; there is only ever one.
        waiting = session.scalar(
            text(
                "SELECT id FROM standing_grants WHERE role = 'service' AND scenario = 'leads'"
                " AND status = 'proposed'"
            )
        )
        universe.ids["grant"] = (
            waiting
            or grants.propose(
                session,
                Actor("staff", universe.accounts["administrator"]),
                role=Role.SERVICE,
                scenario=Scenario.LEADS,
                purpose="回电",
                days=30,
            ).id
        )
        universe.ids["access_request"] = requests.ask(
            session,
            Actor("staff", universe.accounts["service"]),
            level=4,
            scenario=Scenario.REGISTRATIONS,
            subject_kind="document",
            subject_ids=[universe.ids["document"]],
            purpose="dispute",
            hours=1,
            note="核对",
        ).id
        # Everyone who may look registrations up has an approval for this one.
        for role in ("service", "operations", "privacy_officer", "administrator"):
            asked = requests.ask(
                session, Actor("staff", universe.accounts[role]), level=3,
                scenario=Scenario.REGISTRATIONS, subject_kind="registration",
                subject_ids=[universe.ids["registration"]], purpose="dispute", hours=8,
            )  # fmt: skip
            officer = somebody(session, Role.PRIVACY_OFFICER)
            requests.decide(session, officer, asked.id, approve=True, reason="属实")


def _viewings(universe: Universe) -> None:
    """The clerk's pinned key and a viewing that lies ready; a colleague's key to be compared."""
    clerk, event = universe.accounts["service"], universe.ids["event"]
    keys: dict[str, tuple[uuid.UUID, str]] = {}
    with universe.world.session() as session:
        for name, account in (("own", clerk), ("proven", universe.accounts["operations"])):
            recipient = str(pyrage.x25519.Identity.generate().to_public())
            row = staff_keys.propose(session, Actor("staff", account), recipient)
            universe.ids[f"{name}_key"] = row.id
            keys[name] = (row.id, recipient)
        asked = requests.ask(
            session, Actor("staff", clerk), level=4, scenario=Scenario.REGISTRATIONS,
            subject_kind="document", subject_ids=[universe.ids["document"]],
            purpose="dispute", hours=24,
        )  # fmt: skip
        for role in ("privacy_officer", "administrator"):
            approver = Actor("staff", universe.accounts[role])
            requests.decide(session, approver, asked.id, approve=True, reason="属实")
        found = viewings.of_request(session, clerk, asked.id)
        assert found is not None
        universe.ids["viewing"] = found.id
    with universe.world.owner.begin() as connection:
        for (key_id, _recipient), status in zip(keys.values(), ("pinned", "proven"), strict=True):
            connection.execute(
                text("UPDATE staff_keys SET status = :s WHERE id = :k"),
                {"s": status, "k": key_id},
            )
        connection.execute(
            text(
                "UPDATE viewings SET state = 'offered', recipient = :r, object_key = :o,"
                " file_bytes = 1, file_sha256 = :d, manifest = '{}', fetched_at = now()"
                " WHERE id = :v"
            ),
            {
                "r": keys["own"][1], "o": f"v/{event.id.hex}", "d": bytes(32),
                "v": universe.ids["viewing"],
            },
        )  # fmt: skip


def _things(universe: Universe) -> None:
    _passkey(universe)
    _approvals(universe)
    _viewings(universe)
    world, event, moment = universe.world, universe.ids["event"], clock.now()
    owner = Actor("organizer", universe.accounts["owner_x"])
    with world.session() as session:
        key = str(pyrage.x25519.Identity.generate().to_public())
        row = recipients.propose(session, owner, event.organization_id, key, "primary")
        universe.ids["recipient"] = row.id
        lead = Lead(
            name="来电",
            phone="+8613900000000",
            phone_index=uuid.uuid4().bytes,
            status=LeadStatus.OPEN,
            due_at=moment,
            created_at=moment,
            updated_at=moment,
            delete_after=moment + timedelta(days=90),
        )
        session.add(lead)
        session.commit()
        universe.ids["lead"] = lead.id
        clerk = universe.accounts["service"]
        contact = Contact(
            channel=ContactChannel.CALL,
            direction=ContactDirection.INCOMING,
            kind=ContactKind.ENQUIRY,
            state=ContactState.OPEN,
            at=moment,
            note="问考试时间",
            recording_consent=RecordingConsent.NOT_ASKED,
            owner_id=clerk,
            due_at=moment,
            created_by=clerk,
            created_at=moment,
            updated_at=moment,
            delete_after=moment + timedelta(days=365),
        )
        session.add(contact)
        session.commit()
        universe.ids["contact"] = contact.id
    _export(universe)
    _rights(universe)
    _assistance(universe)
    _keeping(universe)
    _safety(universe)
    draft = world.event(status=EventStatus.DRAFT, with_key=False)
    universe.ids["draft"] = draft
    (found,) = world.rows("SELECT id FROM event_fields WHERE event_id = :e LIMIT 1", e=draft.id)
    universe.ids["field"] = found.id
    manifest = '{"payload":"e30=","payloadType":"x","signatures":[]}'
    with Session(world.owner) as session:
        release = Release(
            event_id=event.id,
            organization_id=event.organization_id,
            number=1,
            trigger="demand",
            state=ReleaseState.OFFERED,
            recipient=key,
            object_key=uuid.uuid4().hex,
            file_bytes=1,
            file_sha256=b"\0" * 32,
            manifest=manifest,
            manifest_sha256=hashlib.sha256(manifest.encode()).digest(),
            created_at=moment,
            offered_at=moment,
        )
        session.add(release)
        session.commit()
        universe.ids["release"] = release.id
    with world.owner.begin() as connection:
        notice = uuid.uuid4()
        connection.execute(
            text(
                "INSERT INTO notices (id, account_id, kind, params, at)"
                " VALUES (:i, :a, 'account_password_changed', '{}', :t)"
            ),
            {"i": notice, "a": universe.accounts["student_a"], "t": moment},
        )
        universe.ids["notice"] = notice


def _safety(universe: Universe) -> None:
    """A flag about student A's account that nobody decided about."""
    account_id, moment = universe.accounts["student_a"], clock.now()
    with universe.world.session() as session:
        flag = SafetyFlag(
            kind=FlagKind.TWO_NETWORKS,
            state=FlagState.OPEN,
            account_id=account_id,
            raised_at=moment,
            delete_after=moment + timedelta(days=180),
        )
        session.add(flag)
        session.flush()
        session.add(SafetySubject(flag_id=flag.id, account_id=account_id))
        session.commit()
        universe.ids["flag"] = flag.id


def _export(universe: Universe) -> None:
    """A list of the clerk's that was approved."""
    clerk = Actor("staff", universe.accounts["service"])
    scope = Scope(ExportKind.LEADS, universe.accounts["service"], clock.now(), view="live")
    with universe.world.session() as session:
        asked = exports.ask(
            session, universe.world.settings, clerk, scope, purpose="callback", hours=8, note=""
        )
        (universe.ids["export"],) = requests.subject_ids(session, asked.id)
        officer = somebody(session, Role.PRIVACY_OFFICER)
        requests.decide(session, officer, asked.id, approve=True, reason="属实")


def _assistance(universe: Universe) -> None:
    """A change of student A's that waits for a second clerk, and the organizer's agreement."""
    world = universe.world
    with world.session() as session:
        universe.ids["change"] = changes.ask(
            session,
            Actor("staff", universe.accounts["service"]),
            universe.accounts["student_a"],
            kind=ChangeKind.FACTOR,
            proof="in_person",
            checked=["id_document"],
        ).id
    (found,) = world.rows(
        "SELECT id FROM agreements WHERE organization_id = :o",
        o=universe.ids["event"].organization_id,
    )
    universe.ids["agreement"] = found.id


def _keeping(universe: Universe) -> None:
    """A hold and an authority's order of the privacy officer's that wait for the other person."""
    officer, now = universe.accounts["privacy_officer"], clock.now()
    order = {"authority": "机关", "order_number": "1", "statute": "条款", "scope": "范围"}
    with universe.world.session() as session:
        held = LegalHold(
            subject_kind=HoldSubject.DOCUMENT,
            subject_id=uuid.UUID(str(universe.ids["document"])),
            ends_at=now + timedelta(days=1),
            asked_by=officer,
            asked_at=now,
            **order,
        )
        query = AuthorityQuery(account_ids=[], asked_by=officer, asked_at=now, **order)
        session.add_all([held, query])
        session.commit()
        universe.ids["hold"], universe.ids["query"] = held.id, query.id
        weighed = assessments.Facts(
            subject="核验", necessity="必要", risks="风险", measures="措施", conclusion="可以",
            review_at=now + timedelta(days=90),
        )  # fmt: skip
        universe.ids["assessment"] = assessments.write(
            session, Actor("staff", universe.accounts["operations"]), weighed
        ).id


def _rights(universe: Universe) -> None:
    """A request of student A, a copy that is being made, and what the organizer was told."""
    world, student = universe.world, universe.accounts["student_a"]
    actor = Actor("public", student)
    with world.session() as session:
        request = rights.receive(
            session,
            actor,
            rights.Asked(kind=RightsKind.EXPLAIN, account_id=student, signed_in=True),
        )
        universe.ids["rights_request"] = request.id
        universe.ids["copy"] = copies.order(session, world.settings, actor, student).id
        party = RightsParty(
            account_id=student,
            registration_id=universe.ids["registration"],
            organization_id=universe.ids["event"].organization_id,
            news=PartyNews.CORRECTED,
            told_at=clock.now(),
        )
        session.add(party)
        session.commit()
        universe.ids["party"] = party.id
    (found,) = world.rows(
        "SELECT id FROM consent_records WHERE registration_id = :r AND purpose = 'hand_over'",
        r=universe.ids["registration"],
    )
    universe.ids["consent"] = found.id
    with world.session() as session:
        # Another universe of this process may have left one open; there is only ever one.
        open_draft = session.scalar(
            text("SELECT id FROM policy_drafts WHERE kind = 'privacy' AND decided_at IS NULL")
        )
        universe.ids["policy_draft"] = (
            open_draft
            or drafts.propose(
                session, Actor("staff", universe.accounts["privacy_officer"]),
                proposal(
                    coming_text(world), material=True, kinds=frozenset(PolicyChange),
                    new_owner="新公司",
                ),
                NOTICE_DAYS,
            ).id
        )  # fmt: skip


# --- what is in the database ------------------------------------------------------------------

# What every request may touch: traces, counters, and when a session was last seen.
MOVING = {
    "audit_entries",
    "audit_chain",
    "audit_seals",
    "rate_limits",
    "upload_counts",
    "login_sessions",
    "sign_ins",
    "alembic_version",
}


def snapshot(world: World) -> dict[str, str]:
    """Return a digest of every table that a request may not touch unasked."""
    tables = [
        row.name
        for row in world.rows(
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT LIKE 'procrastinate%' OR tablename = 'procrastinate_jobs'"
        )
        if row.name not in MOVING
    ]
    digests = {}
    for table in tables:
        (row,) = world.rows(
            f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS digest"
            f" FROM {table} t"
        )
        digests[table] = row.digest
    return digests


__all__ = ["ARGUMENTS", "CLERKS", "OWNED", "OWNERS", "ROLES", "Universe", "address", "build"]
