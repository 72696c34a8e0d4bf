"""Fills an empty site with a company, organizers, their keys and events, through the verbs."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
from flask import Flask
from flask_babel import force_locale
from sqlalchemy.orm import Session

from deploy.local import credentials, demo_cases, demo_desks, demo_people
from deploy.local.demo_events import EVENTS, ORGANIZERS, DemoEvent, at
from deploy.local.demo_people import DemoPerson
from heyan import clock, create_app, db
from heyan.access import Realm, Role, Scenario
from heyan.agreements import service as agreements
from heyan.approvals import grants
from heyan.assessments import drafting
from heyan.assessments import service as assessments
from heyan.events import asking, editing
from heyan.events.models import Event
from heyan.organizations import service as organizations
from heyan.policies import service, texts
from heyan.policies.models import PolicyKind
from heyan.releases import recipients
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.settings import Settings
from heyan.viewings import keys
from uploads_worker import people, pinning, vault
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings

STUDENT = "+8613800138000"
ORGANIZER = next(iter(ORGANIZERS))
# In days: this organizer's agreement is about to end, which its page and the desk say.
LAST_ORGANIZER, ENDING = tuple(ORGANIZERS)[-1], 50
STAFF = {
    "service": ("demo-kefu", "林晓（客服）", Role.SERVICE),
    "operations": ("demo-yunying", "周航（运营）", Role.OPERATIONS),
    "privacy_officer": ("demo-yinsi", "李明（个人信息保护负责人）", Role.PRIVACY_OFFICER),
    "administrator": ("demo-guanli", "陈静（管理员）", Role.ADMINISTRATOR),
    "auditor": ("demo-shenji", "赵宁（审计）", Role.AUDITOR),
}

# Stands for the signed agreement; the demonstration has none to show.
SIGNED = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


@dataclass
class _Demo:
    """The seeding under way: the database as the web's role, and who there is already."""

    session: Session
    settings: Settings
    # For texts that are worded in both languages: translating needs an application.
    app: Flask
    staff: dict[str, DemoPerson] = field(default_factory=dict)
    organizations: dict[str, uuid.UUID] = field(default_factory=dict)


def seed(settings: Settings, worker: WorkerSettings, home: Path) -> dict[str, Any]:
    """Make the demonstration's data and return what demo.json is to hold.

    The age identities of the organizer and of the clerk lie beside demo.json, readable by their
    owner alone, and nowhere else. Refuses a production site.
    """
    if settings.production or not settings.demo:
        raise RuntimeError("demo data is for a machine with HEYAN_DEMO=1 outside production")
    context = Context.open(worker)
    web = db.make_engine(settings.database_url)
    quick = demo_people.quick(settings)
    try:
        with Session(web, expire_on_commit=False) as session:
            demo = _Demo(session, quick, create_app(quick))
            _policies(demo)
            for role, (login, name, kind) in STAFF.items():
                demo.staff[role] = demo_people.let_in(
                    session, quick, Realm.STAFF, login, name, kind
                )
            _grants(demo)
            for name, contact in ORGANIZERS.items():
                demo.organizations[name] = _organization(demo, name, contact)
            owner = demo_people.let_in(
                session,
                quick,
                Realm.ORGANIZER,
                "demo-hezi",
                "孙老师",
                Role.ORGANIZER_OWNER,
                demo.organizations[ORGANIZER],
            )
            for event in EVENTS:
                vault.provision(context, _event(demo, event))
            key = _recipient(demo, context, owner, home)
            clerk_key = _person_key(demo, context, home)
            student, student_id = demo_people.student(session, quick, STUDENT)
            with demo.app.app_context(), force_locale("zh_CN"):
                demo_desks.fill(session, quick, demo.staff, student_id, EVENTS[1].slug)
                mine = demo.organizations[ORGANIZER]
                demo_cases.fill(
                    demo_cases.Cases(session, quick, demo.staff, owner, mine, student_id, SIGNED),
                    context,
                )
    finally:
        web.dispose()
        context.close()
    shown: dict[str, Any] = {"base_url": settings.base_url, "student": student}
    shown["organizer"] = {**owner.shown(), **key}
    shown["root_public_key"] = base64.b64encode(settings.root_public_key).decode()
    shown |= {role: person.shown() for role, person in demo.staff.items()}
    shown["service"] |= clerk_key
    return shown


def _grants(demo: _Demo) -> None:
    """Let customer service see contact data as the house does: one proposes, another approves."""
    for scenario in Scenario:
        row = grants.propose(
            demo.session,
            demo.staff["administrator"].actor,
            role=Role.SERVICE,
            scenario=scenario,
            purpose="演示：客服日常工作",
            days=grants.LONGEST_DAYS,
        )
        grants.decide(demo.session, demo.staff["privacy_officer"].actor, row.id, approve=True)


def _policies(demo: _Demo) -> None:
    """Publish the texts as ``flask --app wsgi policies publish`` does."""
    settings = demo.settings
    with demo.app.app_context():
        for kind in PolicyKind:
            service.ensure_published(
                demo.session,
                kind,
                settings.policy_version,
                texts.effective_at(settings),
                texts.content(settings, kind),
            )


def _organization(demo: _Demo, name: str, contact: str) -> uuid.UUID:
    """Let an organizer in as the house does: one proposes, another approves."""
    row = organizations.propose(
        demo.session,
        demo.staff["operations"].actor,
        name=name,
        contact=contact,
        processing_role="independent",
    )
    organizations.approve(demo.session, demo.staff["administrator"].actor, row.id)
    signed = agreements.propose(
        demo.session,
        demo.staff["operations"].actor,
        agreements.Terms(
            kind=agreements.ORGANIZER,
            party=name,
            role="independent",
            clauses=agreements.CLAUSES,
            valid_from=at(clock.now(), -7, 0),
            valid_until=at(clock.now(), ENDING if name == LAST_ORGANIZER else 730, 0),
            organization_id=row.id,
        ),
        SIGNED,
    )
    agreements.activate(demo.session, demo.staff["administrator"].actor, signed.id)
    return row.id


def _event(demo: _Demo, wanted: DemoEvent) -> uuid.UUID:
    """Make an event as operations would: a draft, what it asks for, then published."""
    now, actor = clock.now(), demo.staff["operations"].actor
    facts = editing.EventFacts(
        slug=wanted.slug,
        number_prefix=wanted.prefix,
        organization_id=demo.organizations[wanted.organizer],
        kind=wanted.kind,
        title=wanted.title,
        title_en=wanted.title_en,
        summary=wanted.summary,
        summary_en=wanted.summary_en,
        description=wanted.description,
        description_en=wanted.description_en,
        place=wanted.place,
        fee_fen=wanted.fee_fen,
        capacity=wanted.capacity,
        opens_at=at(now, -7, 9),
        closes_at=at(now, *wanted.closes),
        documents_until=at(now, wanted.closes[0] + 5, 18),
        starts_at=at(now, *wanted.starts),
        ends_at=at(now, wanted.starts[0] + wanted.lasts_days, 18),
    )
    keep = demo.settings.document_days_after_event
    event = editing.create(demo.session, actor, facts, keep_days=keep)
    for kind, required, note in wanted.documents:
        spec = asking.KindFacts(required=required, marked=kind.value != "portrait", note=note)
        asking.save_kind(demo.session, actor, event.id, kind, spec)
    for question in wanted.fields:
        asking.save_field(demo.session, actor, event.id, asking.FieldFacts(**question))
    _assess(demo, editing.load(demo.session, event.id))
    editing.publish(demo.session, actor, event.id)
    return event.id


def _assess(demo: _Demo, event: Event) -> None:
    """Weigh an event's documents as operations does, and have the privacy officer confirm it."""
    with force_locale("zh_CN"):
        facts = drafting.drafted(event)
    row = assessments.write(demo.session, demo.staff["operations"].actor, facts)
    assessments.confirm(demo.session, demo.staff["privacy_officer"].actor, row.id)


def _recipient(demo: _Demo, context: Context, owner: DemoPerson, home: Path) -> dict[str, str]:
    """Make the organizer's key as the organizer would, and take it through all its people."""
    identity, key = _identity(home / "demo-organizer.age-identity.txt")
    recipient = key["recipient"]
    session, organization = demo.session, demo.organizations[ORGANIZER]
    row = recipients.propose(session, owner.actor, organization, recipient, "primary")
    opened = pyrage.decrypt(base64.b64decode(row.challenge or ""), [identity])
    recipients.prove(session, owner.actor, organization, row.id, opened.hex())
    recipients.confirm(session, demo.staff["operations"].actor, row.id, "phone")
    recipients.approve(session, demo.staff["privacy_officer"].actor, row.id)
    pinning.pin(context, organization, row.id, fingerprint=recipient_fingerprint(recipient))
    return key


def _person_key(demo: _Demo, context: Context, home: Path) -> dict[str, str]:
    """Make the clerk's own key, on which what two people approve for them is opened."""
    identity, key = _identity(home / "demo-service.age-identity.txt")
    session, clerk = demo.session, demo.staff["service"]
    row = keys.propose(session, clerk.actor, key["recipient"])
    opened = pyrage.decrypt(base64.b64decode(row.challenge or ""), [identity])
    keys.prove(session, clerk.actor, clerk.id, row.id, opened.hex())
    keys.confirm(session, demo.staff["privacy_officer"].actor, row.id)
    people.pin(
        context,
        clerk.id,
        row.id,
        name=STAFF["service"][1],
        fingerprint=recipient_fingerprint(key["recipient"]),
    )
    return key


def _identity(target: Path) -> tuple[Any, dict[str, str]]:
    """Make an age key; its private half lies in *target* and nowhere else."""
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    lines = [f"# created: {clock.now().isoformat()}", f"# public key: {recipient}", str(identity)]
    credentials.write_private(target, "\n".join(lines) + "\n")
    shown = {"age_identity_file": str(target), "recipient": recipient, "passphrase": ""}
    return identity, shown
